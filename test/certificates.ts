/** Makes certificates, good and bad ones, with WebCrypto alone: also inside workerd. */
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AccessDescription,
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityInfoAccessSyntax,
  BasicConstraints,
  Certificate,
  Extension,
  Extensions,
  GeneralName,
  KeyUsage,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";

export interface Keys {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}
export interface Made {
  readonly name: Name;
  readonly keys: Keys;
  readonly der: Uint8Array<ArrayBuffer>;
  readonly pem: string;
}
export interface Wanted {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly issuer?: Made;
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly usage?: number;
  readonly from?: Date;
  readonly to?: Date;
  readonly bits?: number;
  /** Keys to use instead of fresh ones, which take their time. */
  readonly keys?: Keys;
  readonly hash?: "SHA-1" | "SHA-256";
  readonly issuerUrls?: readonly string[];
  readonly extensions?: readonly Extension[];
}

const rsa = (hash: string) => ({ name: "RSASSA-PKCS1-v1_5", hash });
export const makeKeys = async (bits = 2_048): Promise<Keys> =>
  (await crypto.subtle.generateKey(
    { ...rsa("SHA-256"), modulusLength: bits, publicExponent: new Uint8Array([1, 0, 1]) },
    true,
    ["sign", "verify"],
  )) as Keys;

/** RSA PKCS#1 v1.5 over the data. */
export const sign = async (keys: Keys, data: Uint8Array<ArrayBuffer>, hash = "SHA-256"): Promise<string> => {
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, rsa(hash), false, ["sign"]);
  return base64(new Uint8Array(await crypto.subtle.sign("RSASSA-PKCS1-v1_5", key, data)));
};

const extension = (extnID: string, value: object, critical = true): Extension =>
  new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
export const unknownCritical = new Extension({
  extnID: "2.5.29.30",
  critical: true,
  extnValue: new OctetString(new Uint8Array([0x30, 0]).buffer),
});

const nameOf = (parts: readonly (readonly [string, string])[]): Name =>
  new Name(
    parts.map(
      ([type, text]) =>
        new RelativeDistinguishedName([
          new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String: text }) }),
        ]),
    ),
  );

/** A certificate, signed by the issuer's or by itself. */
export const makeCertificate = async (wanted: Wanted): Promise<Made> => {
  const keys = wanted.keys ?? (await makeKeys(wanted.bits));
  const name = nameOf([
    ["2.5.4.6", "US"],
    ...(wanted.organizations ?? ["Microsoft Corporation"]).map((text) => ["2.5.4.10", text] as const),
    ["2.5.4.3", wanted.commonName],
  ]);
  const spki = await crypto.subtle.exportKey("spki", keys.publicKey);
  const isCa = wanted.ca ?? wanted.issuer === undefined;
  const flags = wanted.usage ?? (isCa ? 32 + 64 : 1);
  const { pathLength, issuerUrls } = wanted;
  const signature = new AlgorithmIdentifier({
    algorithm: wanted.hash === "SHA-1" ? "1.2.840.113549.1.1.5" : "1.2.840.113549.1.1.11",
    parameters: new Uint8Array([5, 0]).buffer,
  });
  const body = new TBSCertificate({
    version: Version.v3,
    serialNumber: crypto.getRandomValues(new Uint8Array(8)).fill(1, 0, 1).buffer,
    signature,
    issuer: wanted.issuer?.name ?? name,
    validity: new Validity({
      notBefore: wanted.from ?? new Date("2020-01-01T00:00:00Z"),
      notAfter: wanted.to ?? new Date("2045-01-01T00:00:00Z"),
    }),
    subject: name,
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    extensions: new Extensions([
      extension(
        "2.5.29.19",
        new BasicConstraints({ cA: isCa, ...(pathLength === undefined ? {} : { pathLenConstraint: pathLength }) }),
      ),
      extension("2.5.29.15", new KeyUsage(flags)),
      ...(issuerUrls === undefined
        ? []
        : [
            extension(
              "1.3.6.1.5.5.7.1.1",
              new AuthorityInfoAccessSyntax(
                issuerUrls.map(
                  (url) =>
                    new AccessDescription({
                      accessMethod: "1.3.6.1.5.5.7.48.2",
                      accessLocation: new GeneralName({ uniformResourceIdentifier: url }),
                    }),
                ),
              ),
              false,
            ),
          ]),
      ...(wanted.extensions ?? []),
    ]),
  });
  const signed = new Uint8Array(AsnConvert.serialize(body));
  const proof = await sign(wanted.issuer?.keys ?? keys, signed, wanted.hash);
  const der = new Uint8Array(
    AsnConvert.serialize(
      new Certificate({
        tbsCertificate: body,
        signatureAlgorithm: signature,
        signatureValue: Uint8Array.from(atob(proof), (char) => char.charCodeAt(0)).buffer,
      }),
    ),
  );
  const pem = `-----BEGIN CERTIFICATE-----\n${base64(der)}\n-----END CERTIFICATE-----\n`;
  return { name, keys, der, pem };
};

const base64 = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};
