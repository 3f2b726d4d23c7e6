/**
 * The service account that every Google simulator knows unless told otherwise. Its key pair was made for this file alone, is public
 * like everything here, and opens nothing but simulators.
 */
import type { JsonObject } from "../../../src/domain/deal.ts";

export interface SimulatedCredential {
  readonly clientEmail: string;
  readonly projectId: string;
  readonly privateKeyId: string;
  /** PKCS #8 in PEM. The simulator itself uses only the public half. */
  readonly privateKey: string;
  /** SPKI in PEM. */
  readonly publicKey: string;
  /** The partner that has invited the service account as an integrator. */
  readonly partnerId: string;
}

const lines = (base64: string): string => (base64.match(/.{1,64}/g) ?? []).join("\n");
const pem = (label: string, base64: string): string =>
  `-----BEGIN ${label}-----\n${lines(base64)}\n-----END ${label}-----\n`;

const privateHalf =
  "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCUleQ20EcDsa3dUQ8S2lrhqGdli+9BLq9H2b96Vyin04xDPOmbdn0eTSuoIK" +
  "XBD5Sywcntd4ZBV13M9lRG3Sn23fCVFKgfH6uXzPpy0IOvVrEaPsBJhTM2aaxa3srjeJ0fgpQDcxG9f2wOEE/QNc8EL8Fdi8gw8j1c0v8CCnDT" +
  "BDqNfbBT2kZXqdGjkPB8JJSe2Ahu8UO4DVPdUCM8DB9HxxhwOET0tHCG0/5ZVM6qG1T2Pd8XpFCx9d+tzjijdbYTLv+O2VOeIEX/WXjMLYHxQt" +
  "kl0L2003V6QCqXB+16PJHsvd62W7NzZPLWDXB6MbQ82rByINcRJ6Ns7nosv01LAgMBAAECggEAQwzY7TtTsIEPml2n1bQfatFZx2M8VkfA5UWH" +
  "uKd4OzOlifoE2RjBIVllp/sDkXl8eqYkfzp+pSHNvF40bb4D39kLZdrqexEJl/jx07nwksEmLle+4e5vy9An7OG44KlfDgcYz+2vRboogrgtrC" +
  "F8B8GdGp+neR73PdohJUSc4TvI/aJjNxEcNZsuBR5l0jF5ekfDqTRRu4p97D3+Kd6NWU8oHtrxes2pzXG6CFMG14TwQkuH0mwKQ47oHOzEALgj" +
  "JaULD6Z3JkLBS9NwigHw+lA/3BsKo/ToE8O1o4XKq+vAcXtA0Ep6SHJGdJtHXBGriGRTCkMd72mGmckk6sDDQQKBgQDOIUACopEYf08iNR1fkX" +
  "Y9n5Gw2WUukxaCtRIzoGY4KB3phmI2cNsFJrZHo7ifebmtW6AS0gxbh84q8KFP6EnEMLEgaE5QxzJ9Wplk+Fsl69vzdvdNElR6kwGmKNHArdlE" +
  "mz6sv54wJrr6BSjqCRP3QDlhATr8eHHjQmArlQBbuwKBgQC4iJqshR5saATIq6XDoyJwucWJoFDUwqlq3lpXn2p+Onk7iL0Jh/6RG2yTokNKtg" +
  "2fKX+RvRpd6KbaFWAB8U6AdIDye40vf+Hk1zFMTjv5eeMc6CVdvPiDedBPok9UEM2h3KhK4WZtD+1GcAgRajvztgxbwy7OnJe2nZ3zkIMTsQKB" +
  "gQCqD2qVAfQ9RsNN0I5kS0lG/AAh7Kl6rGVU/vh+WWYcDJTpFjKvAZrg/BhEsIFgKPgUW1SMUnlZhoiEirQ7jcRWNWnc99Es+brhCr8lO3VPqv" +
  "BzRAIxtt61pdUldeXfVk67OG2T7h8fUMTQAzPHKigrw/PS4UX+B4zGVvuq2SpLgwKBgHFSQlorrZE5F6b78eIAbof3LV3k+36MxGmCfsxMc6Ns" +
  "2UI8KIqP3z7RLo5DGTvqLNdPLq4bCPQeiUhn0/udam3sHbvLL9q5l8lmdTm82YvM1DHORhQYlix3Q/uDW1/uqbj6vsatQK89FqMo7Wt0Z7i0VU" +
  "aMyFPNSkW06WjHmBchAoGAOAkxdwqIf33iTu8UlDQysNR7MqTYnNs+GvWjPN7XNfM7yyh94/4LGG9Dtpc3m+73scs1FixPBn1g31eo21cgA2RP" +
  "NkPsByvzgwZgNJ9HHt9P7eB1hutk8FbADA702BgNesTw7YDbfzfMhQpmhXdgBG2+//vEenedFLE/pJ47CCE=";
const publicHalf =
  "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlJXkNtBHA7Gt3VEPEtpa4ahnZYvvQS6vR9m/elcop9OMQzzpm3Z9Hk0rqCClwQ+Uss" +
  "HJ7XeGQVddzPZURt0p9t3wlRSoHx+rl8z6ctCDr1axGj7ASYUzNmmsWt7K43idH4KUA3MRvX9sDhBP0DXPBC/BXYvIMPI9XNL/Agpw0wQ6jX2w" +
  "U9pGV6nRo5DwfCSUntgIbvFDuA1T3VAjPAwfR8cYcDhE9LRwhtP+WVTOqhtU9j3fF6RQsfXfrc44o3W2Ey7/jtlTniBF/1l4zC2B8ULZJdC9tN" +
  "N1ekAqlwftejyR7L3etluzc2Ty1g1wejG0PNqwciDXESejbO56LL9NSwIDAQAB";

export const simulatedCredential: SimulatedCredential = {
  clientEmail: "cosell-integrator@simulated-partner.iam.gserviceaccount.com",
  projectId: "simulated-partner",
  privateKeyId: "51b0000000000000000000000000000000000001",
  privateKey: pem("PRIVATE KEY", privateHalf),
  publicKey: pem("PUBLIC KEY", publicHalf),
  partnerId: "SiMuPaRtNr",
};

/** The key as the JSON file that Google's console hands out. */
export const keyFileOf = (credential: SimulatedCredential): JsonObject => ({
  type: "service_account",
  project_id: credential.projectId,
  private_key_id: credential.privateKeyId,
  private_key: credential.privateKey,
  client_email: credential.clientEmail,
  client_id: "100000000000000000001",
  auth_uri: "https://accounts.google.com/o/oauth2/auth",
  token_uri: "https://oauth2.googleapis.com/token",
  universe_domain: "googleapis.com",
});
