/** Microsoft Entra's token endpoint in small, as the tests need it: codes, rotation, refusals. Strict: a used token ends at once. */
import type { Http } from "../src/ports.ts";

export interface EntraRules {
  /** A refresh token ends as it is used. Entra does not do this; whoever withstands it withstands more. */
  strict?: boolean;
  /** What every request is refused with. */
  refusal?: { readonly status: number; readonly body: unknown } | undefined;
  /** Called before each answer. */
  before?: (form: URLSearchParams) => Promise<void> | void;
  /** Whether answers carry a new refresh token. */
  rotates?: boolean;
  expiresIn?: number;
}

export const createEntra = (rules: EntraRules = {}) => {
  const alive = new Set<string>(["first"]);
  const codes = new Map<string, string>();
  const asked: { readonly url: string; readonly form: URLSearchParams }[] = [];
  let count = 0;
  const http: Http = async (request, limits) => {
    const url = new URL(request.url);
    if (!limits.hosts.includes(url.host)) throw new Error(`${url.host} is not allowed`);
    const form = new URLSearchParams(await request.text());
    asked.push({ url: request.url, form });
    await rules.before?.(form);
    if (rules.refusal !== undefined) return Response.json(rules.refusal.body, { status: rules.refusal.status });
    const refused = (code: number) =>
      Response.json(
        {
          error: "invalid_grant",
          error_codes: [code],
          error_description: `AADSTS${code}: carla@customer.example may not`,
        },
        { status: 400 },
      );
    if (form.get("grant_type") === "authorization_code") {
      const challenge = codes.get(form.get("code") ?? "");
      codes.delete(form.get("code") ?? "");
      if (challenge === undefined || challenge !== (await challengeOf(form.get("code_verifier") ?? "")))
        return refused(54_005);
    } else {
      const token = form.get("refresh_token") ?? "";
      if (!alive.has(token)) return refused(700_082);
      if (rules.strict === true) alive.delete(token);
    }
    count++;
    const refresh = `refresh-${count}`;
    if (rules.rotates !== false) alive.add(refresh);
    return Response.json({
      token_type: "Bearer",
      access_token: `access-${count}-${form.get("scope")?.split(" ")[0]}`,
      expires_in: rules.expiresIn ?? 3_600,
      ...(rules.rotates === false ? {} : { refresh_token: refresh }),
    });
  };
  return { http, asked, alive, rules, codes };
};

export const challengeOf = async (verifier: string): Promise<string> => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  return btoa(String.fromCharCode(...digest))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
};
