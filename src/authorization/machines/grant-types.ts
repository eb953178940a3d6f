/** Grants of clients that the operator registers, and of no others; and whose tokens they are. */
export const clientCredentials = "client_credentials";
export const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** Subjects of clients begin with it, as no user name and no name of a provider does (RFC 9068 section 5). */
export const clientPrefix = "client:";
