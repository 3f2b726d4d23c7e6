/** AWS credentials that only a machine can find: a profile of its configuration, or a role assumed with it. Not for Workers. */
import { fromIni, fromNodeProviderChain, fromTemporaryCredentials } from "@aws-sdk/credential-providers";

export type MachineCredentials =
  | { readonly profile: string }
  | { readonly roleArn: string; readonly externalId?: string };

const sessionSeconds = 3_600;

/** The SDK's own provider for a profile (`~/.aws/config`) or an assumed role; it caches and renews by itself. */
export const resolveAwsCredentials = (source: MachineCredentials) => {
  if ("profile" in source) return fromIni({ profile: source.profile });
  return fromTemporaryCredentials({
    masterCredentials: fromNodeProviderChain(),
    params: {
      RoleArn: source.roleArn,
      RoleSessionName: "cosell",
      DurationSeconds: sessionSeconds,
      ...(source.externalId === undefined ? {} : { ExternalId: source.externalId }),
    },
  });
};
