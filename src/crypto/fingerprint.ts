/**
 * A short keyed digest: 16 base64url characters of HMAC-SHA-256. Equal texts under one label have equal fingerprints, labels keep its
 * uses apart, and without the key nobody can try out texts.
 */
export type Fingerprint = (label: string, text: string) => string;
