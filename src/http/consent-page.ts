/** The page that a person sees after signing in at a partner: plain, from no other origin, with nothing that was not written here. */

export type ConsentPage =
  | {
      readonly kind: "done";
      readonly label: string;
      readonly connection: "active" | "resumed" | "parked";
      readonly trouble: string | null;
      readonly consent: { readonly lapsesAt: string };
    }
  | { readonly kind: "refused"; readonly reason: string };

/** The page as an answer: 200, or 400 for a sign-in that did not come about. */
export const consentPage = (page: ConsentPage): Response => {
  const [title, ...lines] = page.kind === "done" ? doneLines(page) : ["Not signed in", page.reason];
  const body = lines.map((line) => `<p>${escaped(line)}</p>`).join("");
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title ?? "")}</title></head><body><main><h1>${escaped(title ?? "")}</h1>${body}</main></body></html>`;
  return new Response(html, {
    status: page.kind === "done" ? 200 : 400,
    headers: { "content-type": "text/html; charset=utf-8" },
  });
};

const doneLines = (page: Extract<ConsentPage, { kind: "done" }>): readonly string[] => [
  "Signed in",
  `The connection ${page.label} may work in your name. The sign-in is renewed by use; unused, it ends on ${page.consent.lapsesAt.slice(0, 10)}.`,
  ...(page.connection === "resumed" ? ["The connection goes on with everything that had waited."] : []),
  ...(page.trouble === null ? [] : [`The partner still refuses something: ${page.trouble}`]),
  "You can close this page.",
];

const signs: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
export const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => signs[sign] ?? "");
