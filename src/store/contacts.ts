/** People: one encrypted table, read by subject, found by a keyed fingerprint of the e-mail, erased on demand. */
import * as z from "zod";
import { type Contact, contactRoles, contactSchema } from "../domain/deal.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";

/** A person of the partner's: their seller on a share. */
export const personSchema = z.object({
  email: z.string().nullable(),
  name: z.string().nullable(),
  title: z.string().nullable(),
});
export type Person = z.infer<typeof personSchema>;

interface SealedRow {
  readonly id: string;
  readonly role: string;
  readonly sealed: Uint8Array;
}
interface RolePerson {
  readonly role: string;
  readonly email: string | null;
  readonly value: unknown;
}

export type Contacts = ReturnType<typeof createContacts>;

export const createContacts = (deps: ClockDep & IdsDep & SealDep) => {
  /** Replaces the people of these roles; a role whose people are the same keeps its rows. */
  const put = async (
    tx: Query,
    subject: string,
    given: { readonly roles: readonly string[]; readonly people: readonly RolePerson[] },
  ): Promise<boolean> => {
    const kept = await tx<
      SealedRow[]
    >`select id, role, sealed from contact where subject = ${subject} and role = any(${[...given.roles]}::text[]) order by role, position`;
    const known = await Promise.all(
      kept.map(async ({ id, role, sealed }) => ({ role, text: await deps.seal.open(sealed, `contact:${id}`) })),
    );
    const changed = given.roles.filter((role) => {
      const before = known.filter((row) => row.role === role).map((row) => row.text);
      const after = given.people.filter((person) => person.role === role).map((person) => JSON.stringify(person.value));
      return before.length !== after.length || before.some((text, index) => text !== after[index]);
    });
    if (changed.length === 0) return false;
    if (kept.some((row) => changed.includes(row.role)))
      await tx`delete from contact where subject = ${subject} and role = any(${changed}::text[])`;
    const rows = await Promise.all(
      changed.flatMap((role) =>
        given.people
          .filter((person) => person.role === role)
          .map(async ({ email, value }, position) => {
            const id = deps.ids.next("ctc");
            return {
              id,
              subject,
              role,
              position,
              email_fingerprint: email === null ? null : await deps.seal.fingerprint(email.toLowerCase()),
              sealed: await deps.seal.close(JSON.stringify(value), `contact:${id}`),
              created_at: deps.clock.now(),
            };
          }),
      ),
    );
    if (rows.length > 0) await tx`insert into contact ${tx(rows)}`;
    return true;
  };
  const read = async <T>(
    query: Query,
    subject: string,
    roles: readonly string[],
    schema: z.ZodType<T>,
  ): Promise<readonly T[]> => {
    const rows = await query<SealedRow[]>`select id, role, sealed from contact
      where subject = ${subject} and role = any(${[...roles]}::text[]) order by role desc, position`;
    return Promise.all(
      rows.map(async (row) => schema.parse(JSON.parse(await deps.seal.open(row.sealed, `contact:${row.id}`)))),
    );
  };
  return {
    /** Replaces the contacts of a deal. True when anything changed. */
    putForDeal: (tx: Query, opportunityId: string, contacts: readonly Contact[]): Promise<boolean> =>
      put(tx, opportunityId, {
        roles: contactRoles,
        people: contacts.map((contact) => ({ role: contact.role, email: contact.email, value: contact })),
      }),
    /** How many people these are, and a keyed mark by which the same ones are known again; the mark tells nothing about them. */
    markOf: async (contacts: readonly Contact[]): Promise<{ readonly count: number; readonly mark: string }> => {
      const people = contactRoles.flatMap((role) => contacts.filter((contact) => contact.role === role));
      const plain = people.map(({ role, email, firstName, lastName, title, phone }) =>
        [role, email, firstName, lastName, title, phone].map((part) => part ?? null),
      );
      return { count: people.length, mark: await deps.seal.fingerprint(JSON.stringify(["contacts", plain])) };
    },
    readForDeal: (query: Query, opportunityId: string): Promise<readonly Contact[]> =>
      read(query, opportunityId, contactRoles, contactSchema),
    /** Contacts of many deals in one read, by deal. */
    readForDeals: async (
      query: Query,
      opportunityIds: readonly string[],
    ): Promise<ReadonlyMap<string, readonly Contact[]>> => {
      const people = new Map<string, Contact[]>();
      if (opportunityIds.length === 0) return people;
      const rows = await query<(SealedRow & { readonly subject: string })[]>`select id, subject, sealed from contact
        where subject = any(${[...opportunityIds]}::text[]) and role in ('owner', 'customer') order by role desc, position`;
      for (const row of rows) {
        const contact = contactSchema.parse(JSON.parse(await deps.seal.open(row.sealed, `contact:${row.id}`)));
        people.set(row.subject, [...(people.get(row.subject) ?? []), contact]);
      }
      return people;
    },
    putForShare: (tx: Query, shareId: string, people: readonly Person[]): Promise<boolean> =>
      put(tx, shareId, {
        roles: ["partner"],
        people: people.map((person) => ({ role: "partner", email: person.email, value: person })),
      }),
    readForShare: (query: Query, shareId: string): Promise<readonly Person[]> =>
      read(query, shareId, ["partner"], personSchema),

    /**
     * Erases a person: every contact row with this e-mail, and every sealed body, base, frozen request and delivery that
     * may repeat it. Deals, shares, history and money stay. Returns how many of each were erased.
     */
    forget: async (
      tx: Query,
      email: string,
    ): Promise<{ readonly contacts: number; readonly bodies: number; readonly requests: number }> => {
      const fingerprint = await deps.seal.fingerprint(email.trim().toLowerCase());
      const rows = await tx<
        { subject: string }[]
      >`delete from contact where email_fingerprint = ${fingerprint} returning subject`;
      const subjects = [...new Set(rows.map((row) => row.subject))];
      const shares = await tx<
        { id: string }[]
      >`select id from share where id = any(${subjects}::text[]) or opportunity_id = any(${subjects}::text[])`;
      const shareIds = shares.map((share) => share.id);
      const bodies =
        await tx`update engagement set sealed_body = null where share_id = any(${shareIds}::text[]) and sealed_body is not null`;
      const invitations = await tx<{ id: string }[]>`update invitation set sealed_body = null
        where id = any(${subjects}::text[]) or share_id = any(${shareIds}::text[]) returning id`;
      const offers = await tx<{ id: string }[]>`select id from offer where id = any(${subjects}::text[])
        or opportunity_id = any(${subjects}::text[]) or share_id = any(${shareIds}::text[])`;
      const offerIds = offers.map((row) => row.id);
      const agreements = await tx<{ id: string }[]>`select id from agreement
        where opportunity_id = any(${subjects}::text[]) or offer_id = any(${offerIds}::text[])`;
      const agreementIds = agreements.map((row) => row.id);
      const offered =
        await tx`update offer set sealed_body = null where id = any(${offerIds}::text[]) and sealed_body is not null`;
      const agreed =
        await tx`update agreement set sealed_body = null where id = any(${agreementIds}::text[]) and sealed_body is not null`;
      // Whatever was not understood may name anybody: it is only there to be looked at.
      await tx`update exception set sealed_body = null where sealed_body is not null`;
      await tx`update share set sealed_base = null, sealed_typed = null where id = any(${shareIds}::text[])`;
      await tx`update task set sealed_forms = null where share_id = any(${shareIds}::text[])`;
      // A request that may still have to be repeated byte for byte is erased when its fate is known, by `expire`.
      const requests = await tx`update effect set sealed_request = null
        where (share_id = any(${shareIds}::text[]) or invitation_id = any(${invitations.map((row) => row.id)}::text[])
            or offer_id = any(${offerIds}::text[]) or agreement_id = any(${agreementIds}::text[]))
          and state in ('confirmed', 'refused') and sealed_request is not null`;
      return {
        contacts: rows.length,
        bodies: bodies.count + invitations.length + offered.count + agreed.count,
        requests: requests.count,
      };
    },
  };
};
