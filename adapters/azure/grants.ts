/**
 * The token endpoint of Microsoft Entra: what is asked of it, and what its refusals mean to a person.
 * https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow#error-codes-for-token-endpoint-errors
 */
import * as z from "zod";
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import { type Answered, type Exchange, passingFault } from "./exchange.ts";

export const loginHost = "login.microsoftonline.com";
export const tokenUrl = (tenant: string): string =>
  `https://${loginHost}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`;

/** The surfaces that we sign in to, as v2 scopes. */
export const scopes = {
  referrals: "https://api.partner.microsoft.com/.default",
  webhooks: "https://api.partnercenter.microsoft.com/.default",
} as const;

export interface Granted {
  readonly accessToken: string;
  readonly expiresSeconds: number;
  /** Null: they let us keep the one we have. */
  readonly refreshToken: string | null;
}
/** `ended`: the user's consent no longer holds, and only a new sign-in mends it. */
export type Refusal = { readonly fault: Fault; readonly ended: string | null };

const grantedSchema = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().int().positive(),
  refresh_token: z.string().min(1).optional(),
});
const refusedSchema = z.object({
  error: z.string(),
  error_codes: z.array(z.coerce.number()).catch([]),
  error_description: z.string().catch(""),
});

/** What a code of Entra or Partner Center means, and what mends it. */
const meanings: Readonly<Record<string, { readonly says: string; readonly fix: string }>> = {
  "900421": {
    says: "the sign-in was without multifactor authentication (MFA)",
    fix: "require MFA for that user, then sign in again",
  },
  "50076": { says: "multifactor authentication (MFA) is demanded", fix: "sign in again, with MFA" },
  "50079": {
    says: "the user has not set up multifactor authentication (MFA)",
    fix: "set it up at https://aka.ms/mfasetup, then sign in again",
  },
  "50158": { says: "an external security check was not passed", fix: "sign in again" },
  "53003": {
    says: "a Conditional Access policy blocks it",
    fix: "let the policy allow this application from where it runs, then sign in again",
  },
  "50173": { says: "the user's password was changed or the sessions were revoked", fix: "sign in again" },
  "50057": {
    says: "the user's account is disabled",
    fix: "enable it, or sign in again as another user with the role Referrals admin",
  },
  "70043": { says: "a sign-in frequency policy has ended it", fix: "exempt the user from it or sign in again" },
  "70008": { says: "it was not used for too long", fix: "sign in again" },
  "700082": { says: "it was not used for 90 days", fix: "sign in again" },
  "65001": {
    says: "nobody has consented to the application's permissions",
    fix: "grant admin consent to them in Entra, then sign in again",
  },
  "7000215": { says: "the client secret is wrong", fix: "store the secret's value, not its id, anew" },
  "7000222": {
    says: "the client secret has expired",
    fix: "make a new one in Entra, Certificates & secrets, and store it",
  },
  "700016": { says: "the tenant knows no such application", fix: "compare client id and tenant id with Entra" },
  "90002": { says: "there is no such tenant", fix: "compare the tenant id with Entra" },
  "7000218": { says: "the application is confidential: it needs a client secret", fix: "store its client secret" },
  "54005": { says: "the code of this sign-in was used already", fix: "sign in again" },
  "50011": {
    says: "the application does not know our redirect address",
    fix: "add it in Entra, Authentication, as a web redirect URI",
  },
  "9002325": { says: "the application is set up for single pages", fix: "move the redirect URI to the platform Web" },
};
/** Refusals that say that this user's consent is over; all others are about the application, or pass. */
const endings: ReadonlySet<string> = new Set([
  "invalid_grant",
  "interaction_required",
  "login_required",
  "consent_required",
]);

/** The fault of Partner Center's refusal for want of MFA. It answers 401 with this code, whatever else is right. */
export const isMfaRefused = (text: string): boolean => /\b900421\b/.test(text);
/** A sentence with the exact remedy; `renew` is the command that renews. */
export const mfaMessage = (renew: string): string => meaningOf("900421", renew);

/** What a code of Entra's means, in a sentence with the remedy; `renew` is the command to mend it with. */
export const meaningOf = (code: string, renew: string): string => {
  const { says, fix } = meanings[code] ?? { says: "no reason that is known here", fix: "sign in again" };
  return `Microsoft refuses the sign-in: ${says} (${code}). To mend it, ${fix}: ${renew}`;
};

export interface Asking {
  readonly tenant: string;
  readonly form: Readonly<Record<string, string>>;
  /** The command that renews the sign-in, for errors. */
  readonly renew: string;
  readonly now: Date;
}

/** Asks the token endpoint once. Repeating it after a lost answer is harmless, so a lost answer is `unavailable`. */
export const askForToken = async (
  exchange: Exchange,
  { tenant, form, renew, now }: Asking,
): Promise<{ readonly ok: true; readonly value: Granted } | ({ readonly ok: false } & Refusal)> => {
  const answered = await exchange({
    what: "Microsoft's token endpoint",
    url: tokenUrl(tenant),
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    body: new URLSearchParams(form).toString(),
  });
  if (!answered.ok) return { ok: false, fault: { ...answered.fault, kind: "unavailable" } as Fault, ended: null };
  const granted = readGranted(answered.value);
  return granted.ok ? granted : { ok: false, ...refusalOf(answered.value, { renew, now }) };
};

const readGranted = ({ status, json }: Answered): Result<Granted> => {
  const parsed = grantedSchema.safeParse(json);
  if (status !== 200 || !parsed.success) return failed({ kind: "drift", message: "no token" });
  const { access_token: accessToken, expires_in: expiresSeconds, refresh_token: refreshToken = null } = parsed.data;
  return ok({ accessToken, expiresSeconds, refreshToken });
};

/** Nothing of what Entra writes for developers is repeated: its text names users. */
const refusalOf = (answer: Answered, { renew, now }: Pick<Asking, "renew" | "now">): Refusal => {
  const what = "Microsoft's token endpoint";
  const passing = passingFault(what, answer, now);
  if (passing !== null) return { fault: passing, ended: null };
  const parsed = refusedSchema.safeParse(answer.json);
  if (!parsed.success)
    return {
      fault: { kind: "drift", message: `${what}: answered ${answer.status} without a token or a reason` },
      ended: null,
    };
  const { error, error_codes, error_description } = parsed.data;
  if (error === "temporarily_unavailable" || error === "server_error")
    return { fault: { kind: "unavailable", message: `${what}: ${error}` }, ended: null };
  const stated = [...error_codes.map(String), ...(/AADSTS(\d{4,7})/.exec(error_description)?.slice(1) ?? [])];
  const code = stated.find((one) => one in meanings) ?? stated[0] ?? error.slice(0, 40).replaceAll(/[^a-z_]/g, "");
  const message = meaningOf(code, renew);
  // A wrong client secret says so beside the same error: it is mended without anybody signing in.
  const isOver = endings.has(error) && !/^(7000\d{3}|700016)$/.test(code);
  return { fault: { kind: "denied", message }, ended: isOver ? message : null };
};
