/**
 * AWS's quotas per account: one write and ten reads a second, and a rolling day's worth of each.
 * https://docs.aws.amazon.com/partner-central/latest/APIReference/quotas.html
 */
import type { Kind } from "../../simulator/quotas.ts";
import { type OperationName, operations } from "./constraints.generated.ts";

/** Task starts count as writes. Reads without a published quota share the published ones. */
export const kindOf = (operation: OperationName): Kind => (operations[operation].readonly ? "read" : "write");
