/** The words and the people of Google's side. Names and addresses are invented. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { Dice } from "../../simulator/dice.ts";

const firstNames = ["Aiko", "Bram", "Carla", "Dinesh", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas"] as const;
const lastNames = [
  "Adeyemi",
  "Brandt",
  "Castro",
  "Dahl",
  "Eriksen",
  "Fujita",
  "Gupta",
  "Herrera",
  "Ivanova",
  "Kaya",
] as const;

export interface Person {
  readonly name: string;
  readonly email: string;
}
const personOf = (fate: string, dice: Dice, role: string): Person => {
  const [first, last] = [dice.pick(firstNames, fate, role, "first"), dice.pick(lastNames, fate, role, "last")];
  return { name: `${first} ${last}`, email: `${first}.${last}@google.example`.toLowerCase() };
};

/** The field sales representative who takes the deal. */
export const ownerOf = (fate: string, dice: Dice): Person => personOf(fate, dice, "owner");
/** Who works on it besides. */
export const teamOf = (fate: string, dice: Dice): readonly JsonObject[] =>
  ["partner manager", "customer engineer"].map((role) => ({ ...personOf(fate, dice, role) }));

const reasons = [
  "The opportunity is a duplicate of one that Google already works on with this customer.",
  "The customer's domain does not match the organization. Please correct it and submit again.",
  "The description does not show the workload on Google Cloud. Please add it and submit again.",
  "The deal size does not fit the contract length. Please check both and submit again.",
] as const;
export const declinedFor = (fate: string, dice: Dice, round: number): string =>
  dice.pick(reasons, fate, "reason", round);

const lostReasons = ["Price", "Customer stays on premises", "Project postponed"] as const;
export const lostFor = (fate: string, dice: Dice): string => dice.pick(lostReasons, fate, "lost");
export const wonFor = "Partner solution";

const steps = [
  "Introduce the Google account team to the customer's sponsor.",
  "Agree the technical evaluation with the customer engineer.",
  "Review pricing and committed use with the account team.",
  "Prepare the private offer and the migration plan.",
] as const;
export const nextStepFor = (fate: string, dice: Dice, step: number): string =>
  dice.pick(steps, fate, "next step", step);
