/** People: one encrypted table, read by subject, found by a keyed fingerprint of the e-mail, erased on demand. */
import { z } from "zod";
import { type Contact, contactSchema } from "../domain/deal.ts";
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
  readonly sealed: Uint8Array;
}

export type Contacts = ReturnType<typeof createContacts>;

export const createContacts = (deps: ClockDep & IdsDep & SealDep) => {
  const put = async (
    tx: Query,
    subject: string,
    role: string,
    people: readonly { readonly email: string | null; readonly value: unknown }[],
  ): Promise<boolean> => {
    const kept = await tx<
      SealedRow[]
    >`select id, sealed from contact where subject = ${subject} and role = ${role} order by position`;
    const before = await Promise.all(kept.map((row) => deps.seal.open(row.sealed, `contact:${row.id}`)));
    const after = people.map((person) => JSON.stringify(person.value));
    if (before.length === after.length && before.every((text, index) => text === after[index])) return false;
    await tx`delete from contact where subject = ${subject} and role = ${role}`;
    for (const [position, person] of people.entries()) {
      const id = deps.ids.next("ctc");
      const fingerprint = person.email === null ? null : await deps.seal.fingerprint(person.email.toLowerCase());
      const sealed = await deps.seal.close(after[position] ?? "", `contact:${id}`);
      await tx`insert into contact (id, subject, role, position, email_fingerprint, sealed, created_at)
        values (${id}, ${subject}, ${role}, ${position}, ${fingerprint}, ${sealed}, ${deps.clock.now()})`;
    }
    return true;
  };
  const read = async <T>(
    query: Query,
    subject: string,
    roles: readonly string[],
    schema: z.ZodType<T>,
  ): Promise<readonly T[]> => {
    const rows = await query<SealedRow[]>`select id, sealed from contact
      where subject = ${subject} and role = any(${[...roles]}::text[]) order by role desc, position`;
    return Promise.all(
      rows.map(async (row) => schema.parse(JSON.parse(await deps.seal.open(row.sealed, `contact:${row.id}`)))),
    );
  };
  return {
    /** Replaces the contacts of a deal. True when anything changed. */
    putForDeal: async (tx: Query, opportunityId: string, contacts: readonly Contact[]): Promise<boolean> => {
      let changed = false;
      for (const role of ["owner", "customer"] as const) {
        const people = contacts
          .filter((contact) => contact.role === role)
          .map((contact) => ({ email: contact.email, value: contact }));
        changed = (await put(tx, opportunityId, role, people)) || changed;
      }
      return changed;
    },
    readForDeal: (query: Query, opportunityId: string): Promise<readonly Contact[]> =>
      read(query, opportunityId, ["owner", "customer"], contactSchema),
    putForShare: (tx: Query, shareId: string, people: readonly Person[]): Promise<boolean> =>
      put(
        tx,
        shareId,
        "partner",
        people.map((person) => ({ email: person.email, value: person })),
      ),
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
      await tx`update share set sealed_base = null where id = any(${shareIds}::text[])`;
      // A request that may still have to be repeated byte for byte is erased when its fate is known, by `expire`.
      const requests = await tx`update effect set sealed_request = null
        where (share_id = any(${shareIds}::text[]) or invitation_id = any(${invitations.map((row) => row.id)}::text[]))
          and state in ('confirmed', 'refused') and sealed_request is not null`;
      return { contacts: rows.length, bodies: bodies.count + invitations.length, requests: requests.count };
    },
  };
};
