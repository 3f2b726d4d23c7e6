/** The marketplaces that this build can simulate: a fresh installation starts with all of them. */
import { simulatedAws } from "./aws/simulator/cloud.ts";
import { simulatedAzure } from "./azure/simulator/cloud.ts";
import type { SimulatedCloud } from "./contract.ts";
import { simulatedGcp } from "./gcp/simulator/cloud.ts";

export const simulatedClouds: readonly SimulatedCloud[] = [simulatedAws, simulatedAzure, simulatedGcp];
