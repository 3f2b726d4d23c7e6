/** Stands for `semver` on Workers, 9 kB of the bundle: `jsonwebtoken` asks with it whether Node is newer than 15.7, as Workers are. */
export const satisfies = () => true;
export default { satisfies };
