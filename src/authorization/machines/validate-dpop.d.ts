/** What `@types/oidc-provider` leaves out: the library checks proofs for the grants that it has itself, and for no others. */
declare module "oidc-provider/lib/helpers/validate_dpop.js";
