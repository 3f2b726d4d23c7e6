/**
 * What a connection to Partner Center needs, tried for real and without changing anything there: the sign-in in the vault, a token for
 * it, what that token says, whether Microsoft counts it as MFA, and which referrals it may read.
 * https://learn.microsoft.com/en-us/partner-center/developer/partner-center-authentication
 */
import * as z from "zod";
import { type Check, type Found, found } from "../../src/domain/diagnosis.ts";
import type { Fault, Result } from "../../src/domain/fault.ts";
import type { Known, SessionDeps } from "../contract.ts";
import { jsonOf } from "../text.ts";
import type { UserCredential } from "./credential.ts";
import { type Answered, createExchange } from "./exchange.ts";
import { isMfaRefused, mfaMessage, scopes } from "./grants.ts";
import type { Bearer } from "./registration.ts";
import { apiHost, referralsUrl, type Target } from "./settings.ts";

export interface DiagnosisDeps {
  readonly deps: SessionDeps;
  readonly target: Target;
  /** Null: no consent is set up. */
  readonly credential: UserCredential | null;
  /** Signs in as the application alone; null: that is not set up. */
  readonly app: Bearer | null;
  readonly known: Known;
}
interface At extends DiagnosisDeps {
  readonly renew: string;
  /** One read of referrals with the token, and whatever headers are asked for. */
  readonly read: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Result<Answered>>;
}

/** Members of an access token that tell something; v1 tokens say what v2 tokens leave out. Nothing personal is among them. */
const claimsSchema = z.object({
  aud: z.string(),
  tid: z.string().optional(),
  scp: z.string().optional(),
  roles: z.array(z.string()).optional(),
  amr: z.array(z.string()).optional(),
  exp: z.number().optional(),
});
const roleRemedy =
  "Give the user that signed in the role Referrals admin in Partner Center (Account settings, User management): a Referrals user sees only referrals whose team lists them, and an admin of one location only that location's.";

/** The checks of a connection to Microsoft, in the order in which one explains the next. */
export const checksOf = (given: DiagnosisDeps): readonly Check[] => {
  const { deps, target, app } = given;
  const renew = `cosell connect azure --renew ${JSON.stringify(target.label)}`;
  const exchange = createExchange(deps, target.settings.endpoint);
  const read: At["read"] = async (path, headers = {}) => {
    const token = await tokenOf(given);
    if (!token.ok) return token;
    const leave = await deps.quota.take("read");
    if (!leave.ok) return leave;
    const authorization = `Bearer ${token.value}`;
    const all = { accept: "application/json", "client-request-id": deps.ids.uuid(), authorization, ...headers };
    return exchange({ what: "Partner Center's referrals", url: `${referralsUrl}${path}`, headers: all });
  };
  const at: At = { ...given, renew, read };
  return [
    vaultCheck(at),
    tokenCheck(at),
    claimsCheck(at),
    mfaCheck(at),
    referralsCheck(at),
    visibilityCheck(at),
    ...(app === null ? [] : [appCheck(target, app)]),
  ];
};

const tokenOf = async ({ credential }: DiagnosisDeps): Promise<Result<string>> =>
  credential === null
    ? { ok: false, fault: { kind: "denied", message: "settings.consent is not set" } }
    : credential.token(scopes.referrals);

const vaultCheck = ({ credential, renew }: At): Check => ({
  id: "vault",
  what: "read the sign-in that lies in the vault",
  run: async () => {
    if (credential === null)
      return found.failed("settings.consent is not set: nobody can sign in", "Set it up: cosell connect azure");
    const state = await credential.consent.state();
    if (state === null) return found.failed("nobody has signed in at Microsoft yet", `Sign in: ${renew}`);
    return found.ok(`signed in ${dayOf(state.grantedAt)}, last renewed by use ${state.renewedAt.toISOString()}`);
  },
});

const tokenCheck = (at: At): Check => ({
  id: "token",
  what: "ask Microsoft's token endpoint for an access token",
  needs: ["vault"],
  run: async () => {
    // What is kept would tell nothing about now.
    at.credential?.drop(scopes.referrals);
    const token = await tokenOf(at);
    return token.ok ? found.ok("Microsoft gives one") : failure(at, token.fault);
  },
});

/** The token is decoded and thrown away: only these members of it are told. */
const claimsCheck = (at: At): Check => ({
  id: "claims",
  what: "decode the token: for whom, for what, and how the user signed in",
  needs: ["token"],
  run: async () => {
    const token = await tokenOf(at);
    if (!token.ok) return failure(at, token.fault);
    const claims = claimsOf(token.value);
    if (claims === null) return found.skipped("the token is not one that can be read; Microsoft may change its form");
    const { aud, tid, scp, roles, amr } = claims;
    const told = [
      `aud ${aud}`,
      `scp ${scp ?? "none"}`,
      `roles ${roles?.join(" ") || "none"}`,
      `amr ${amr?.join(" ") ?? "not stated"}`,
      ...(tid === undefined ? [] : [`tid ${tid}`]),
    ].join("; ");
    if (!aud.includes(apiHost) && !/^[0-9a-f-]{36}$/i.test(aud))
      return found.failed(
        `${told}: it is not for ${apiHost}`,
        `Allow the application Microsoft Partner's user_impersonation: infra/azure, then ${at.renew}`,
      );
    if (scp === undefined)
      return found.failed(
        `${told}: it names no user, and referrals are for a user only`,
        `Sign in as a user: ${at.renew}`,
      );
    if (amr !== undefined && !amr.includes("mfa"))
      return found.failed(`${told}: the user signed in without MFA`, mfaMessage(at.renew));
    return found.ok(told);
  },
});

/** With this header Partner Center says whether it counts the token as MFA, without refusing it for want of it. */
const mfaCheck = (at: At): Check => ({
  id: "mfa",
  what: "ask Partner Center whether the sign-in counts as MFA (ValidateMfa)",
  needs: ["token"],
  run: async () => {
    const answered = await at.read("?$top=1", { ValidateMfa: "true" });
    if (!answered.ok) return failure(at, answered.fault);
    const { status, headers, json } = answered.value;
    const inBody = z.looseObject({ isMfaCompliant: z.boolean() }).safeParse(json).data?.isMfaCompliant;
    const stated = headers.get("ismfacompliant")?.toLowerCase() ?? (inBody === undefined ? null : String(inBody));
    if (stated === "true") return found.ok("it does");
    if (stated === "false" || isMfaRefusal(answered.value)) return found.failed("it does not", mfaMessage(at.renew));
    return found.skipped(`Partner Center does not say (it answered ${status})`);
  },
});

const referralsCheck = (at: At): Check => ({
  id: "referrals",
  what: "read one page of referrals",
  needs: ["token"],
  run: async () => {
    const answered = await at.read("?$top=1&$orderby=updatedDateTime desc".replaceAll(" ", "%20"));
    return answered.ok ? judgeRead(at, answered.value) : failure(at, answered.fault);
  },
});

/** No answer names a role: what of ours cannot be read tells that the user's role does not show all. */
const visibilityCheck = (at: At): Check => ({
  id: "visibility",
  what: "read the youngest referral of ours: a role may show only part of the deals",
  needs: ["referrals"],
  run: async () => {
    const id = at.known.remoteId;
    if (id === null)
      return found.skipped(
        "no referral of ours is known yet; a Referrals user would see only those whose team lists them",
      );
    const answered = await at.read(`/${encodeURIComponent(id)}`);
    if (!answered.ok) return failure(at, answered.fault);
    const { status } = answered.value;
    if (status === 200) return found.ok("it is visible");
    if (status !== 403 && status !== 404) return judgeRead(at, answered.value);
    return found.failed(
      `referral ${id} is ours, and this user cannot see it: only part of the deals is visible`,
      roleRemedy,
    );
  },
});

const appCheck = (target: Target, app: Bearer): Check => ({
  id: "app-token",
  what: "sign in as the application alone, for webhooks and other surfaces that take it",
  run: async () => {
    app.drop(scopes.webhooks);
    const token = await app.token(scopes.webhooks);
    if (token.ok) return found.ok("Microsoft gives a token");
    return found.failed(
      token.fault.message,
      `Compare settings.app with Entra, and store its secret anew: cosell connect azure --account ${target.account}`,
    );
  },
});

const judgeRead = (at: At, answer: Answered): Found => {
  const { status } = answer;
  if (status === 200) return found.ok("Partner Center answers");
  if (isMfaRefusal(answer)) return found.failed("refused for want of MFA (900421)", mfaMessage(at.renew));
  if (status === 401) return found.failed("the token is refused", `Sign in again: ${at.renew}`);
  if (status === 403) return found.failed("the user may not read referrals", roleRemedy);
  if (status === 429 || status >= 500)
    return found.failed(
      `it answered ${status}`,
      "Partner Center asks to wait or has trouble: run the diagnosis again later.",
    );
  return found.failed(`it answered ${status}`, "Update cosell; if it stays, report it.");
};

const isMfaRefusal = ({ status, bytes }: Answered): boolean =>
  status === 401 && isMfaRefused(new TextDecoder().decode(bytes));

const failure = ({ renew, target }: At, fault: Fault): Found => {
  if (fault.kind === "denied") return found.failed(fault.message, `Sign in again: ${renew}`);
  if (fault.kind === "throttled") return found.failed(fault.message, "Run the diagnosis again later.");
  const place = target.settings.endpoint ?? "login.microsoftonline.com and api.partner.microsoft.com";
  return found.failed(
    fault.message,
    `Check that this machine reaches ${place} on port 443, DNS and firewall included.`,
  );
};

const dayOf = (at: Date): string => at.toISOString().slice(0, 10);

/** The payload of a JSON web token, unverified: it is for Partner Center to verify, and for us only to tell. */
const claimsOf = (token: string): z.infer<typeof claimsSchema> | null => {
  const payload = token.split(".")[1] ?? "";
  try {
    const text = new TextDecoder().decode(
      Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0)),
    );
    return claimsSchema.safeParse(jsonOf(text)).data ?? null;
  } catch {
    return null;
  }
};
