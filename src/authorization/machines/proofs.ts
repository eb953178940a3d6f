/** Proofs that a client holds a key (RFC 9449), at the grants that are the gateway's own: as the library has them at its own. */
import type { KoaContextWithOIDC } from "oidc-provider";
import * as library from "oidc-provider/lib/helpers/validate_dpop.js";
import { GrantRefused } from "./refused.ts";

/** A proof that is good, if it was not used before. */
export interface KeyProof {
  /** Of the key (RFC 7638), in base64url. */
  readonly thumbprint: string;
}

type Context = KoaContextWithOIDC & { readonly oidc: { readonly client: { readonly clientId: string } } };

type Validate = (provider: unknown, ctx: Context) => Promise<KeyProof | undefined>;
type CheckReplay = (provider: unknown, ctx: Context, proof: KeyProof | undefined, client: string) => Promise<void>;

const validate: Validate = library.default;
const checkReplay: CheckReplay = library.checkDpopReplay;

/**
 * The proof that a request comes with; undefined without.
 *
 * @throws InvalidDpopProof, UseDpopNonce; GrantRefused where the client is held to one and has none
 */
export async function readProof(ctx: Context): Promise<KeyProof | undefined> {
  const { provider, client } = ctx.oidc;
  const proof = await validate(provider, ctx);
  if (proof === undefined && client.dpopBoundAccessTokens === true) {
    throw new GrantRefused("proof_missing", "this client gets no token without a proof that it holds a key (DPoP)");
  }
  return proof;
}

/** @throws InvalidGrant where it was used before */
export async function spendProof(ctx: Context, proof: KeyProof | undefined): Promise<void> {
  const { provider, client } = ctx.oidc;
  await checkReplay(provider, ctx, proof, client.clientId);
}

/**
 * Binds the refresh token of a client that proves nothing else to the key it comes with (RFC 9449 section 5). The library does so where a
 * code is redeemed; what was given without a proof it leaves good for each key, and for none, ever after. To be called before another token
 * takes the place of it.
 *
 * @returns that another one does
 */
export async function bindRefreshToken(ctx: KoaContextWithOIDC): Promise<true> {
  const { provider, client, entities } = ctx.oidc;
  if (client?.clientAuthMethod !== "none" || entities.RefreshToken === undefined) return true;
  const proof = await validate(provider, ctx as Context);
  if (proof !== undefined) entities.RefreshToken.jkt ??= proof.thumbprint;
  return true;
}
