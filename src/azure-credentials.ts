/** Azure credentials that only a machine can find: a token that its platform wrote to a file. Not for Workers. */
import { type TokenCredential, type TokenCredentialOptions, WorkloadIdentityCredential } from "@azure/identity";

export interface WorkloadSource {
  readonly tenantId: string;
  readonly clientId: string;
  readonly tokenFile?: string;
}

/** The library's own credential for a workload identity; it reads the file anew as the platform renews it. */
export const resolveWorkloadIdentity = (source: WorkloadSource, options: TokenCredentialOptions): TokenCredential => {
  const { tenantId, clientId, tokenFile } = source;
  return new WorkloadIdentityCredential({
    ...options,
    tenantId,
    clientId,
    ...(tokenFile === undefined ? {} : { tokenFilePath: tokenFile }),
  });
};
