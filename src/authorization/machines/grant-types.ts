/** Grants of clients that the operator registers, and of no others. */
export const clientCredentials = "client_credentials";
export const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
