/**
 * Credentials that their makers gave a form of their own, as the makers' documentation or secret scanning describes it. Each
 * pattern begins at the start of a word; repetitions are bounded and never nested, so that no text makes them slow.
 */
const forms: Readonly<Record<string, readonly string[]>> = {
  "Sallyport itself": ["sp[ks]_[0-9A-Za-z]{11}_[0-9A-Za-z]{49}"],
  AWS: ["A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}", "ABSK[A-Za-z0-9+/]{60,255}"],
  Google: ["AIza[\\w-]{30,60}", "GOCSPX-[\\w-]{20,60}", "ya29\\.[\\w-]{20,1024}", "1//0[\\w-]{24,255}"],
  "Microsoft Teams": ["webhook\\.office\\.com/webhookb2/[\\w@/-]{20,255}"],
  GitHub: ["gh[pousr]_[A-Za-z0-9]{20,255}", "github_pat_\\w{20,255}"],
  GitLab: ["gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-[\\w.=-]{16,255}"],
  Bitbucket: ["AT(?:ATT3|CTT3|BB)[\\w=-]{20,255}"],
  Slack: [
    "xox[a-z]-[A-Za-z0-9-]{10,255}",
    "xapp-[A-Za-z0-9-]{10,255}",
    "hooks\\.slack\\.com/services/[A-Za-z0-9/]{10,255}",
  ],
  Discord: [
    "[MNO][\\w-]{23,27}\\.[\\w-]{6,7}\\.[\\w-]{27,40}",
    "discord(?:app)?\\.com/api/webhooks/\\d{10,25}/[\\w-]{40,100}",
  ],
  Telegram: ["\\d{8,10}:AA[\\w-]{33}"],
  Stripe: ["[srp]k_(?:live|test)_[A-Za-z0-9]{10,255}", "whsec_[A-Za-z0-9+/=]{16,255}"],
  Square: ["EAAA[\\w-]{56,64}", "sq0[a-z]{3}-[\\w-]{22,64}"],
  Shopify: ["shp(?:at|ca|pa|ss|tka)_[A-Fa-f0-9]{32}"],
  "Plaid, PayPal": [
    "access-(?:sandbox|development|production)-[a-f0-9-]{36}",
    "access_token\\$production\\$[a-z0-9$]{20,80}",
  ],
  Razorpay: ["rzp_(?:live|test)_[A-Za-z0-9]{10,40}"],
  Twilio: ["SK[0-9a-f]{32}"],
  SendGrid: ["SG\\.[\\w-]{16,60}\\.[\\w-]{16,60}"],
  Mailgun: ["(?:pub)?key-[a-f0-9]{32}"],
  Brevo: ["x(?:keysib|smtpsib)-[a-f0-9]{40,80}"],
  "OpenAI, Anthropic": ["sk-(?=[A-Za-z_-]{0,120}\\d)[\\w-]{20,255}", "sess-[A-Za-z0-9]{40}"],
  "Models of others": [
    "xai-[A-Za-z0-9]{40,100}",
    "gsk_[A-Za-z0-9]{40,60}",
    "pplx-[A-Za-z0-9]{40,60}",
    "r8_[A-Za-z0-9]{37}",
  ],
  "Hugging Face": ["hf_[A-Za-z0-9]{30,60}", "api_org_[A-Za-z0-9]{30,60}"],
  npm: ["npm_[A-Za-z0-9]{30,60}"],
  PyPI: ["pypi-[\\w-]{50,255}"],
  RubyGems: ["rubygems_[a-f0-9]{48}"],
  "crates.io": ["cio[A-Za-z0-9]{32}"],
  NuGet: ["oy2[a-z0-9]{43}"],
  Docker: ["dckr_[op]at_[\\w-]{20,60}"],
  Artifactory: ["AKCp[A-Za-z0-9]{60,80}"],
  DigitalOcean: ["do[opr]_v1_[a-f0-9]{64}"],
  Heroku: ["HRKU-[\\w-]{36,70}"],
  "Fly.io": ["fo1_[\\w-]{43}", "fm[12][ar]?_[\\w+/=-]{60,1024}"],
  Netlify: ["nf[a-z]_[A-Za-z0-9]{36,50}"],
  Alibaba: ["LTAI[A-Za-z0-9]{12,20}"],
  Databricks: ["dapi[a-f0-9]{32}"],
  Snyk: ["snyk_[a-z]{3}\\.[\\w-]{20,255}"],
  PlanetScale: ["pscale_(?:tkn|pw|oauth)_[\\w.=-]{30,64}"],
  Supabase: ["sb[pst]_[a-f0-9]{40}", "sb_secret_[\\w-]{20,60}"],
  Vault: ["hv[sbr]\\.[\\w-]{20,255}"],
  Pulumi: ["pul-[a-f0-9]{40}"],
  Doppler: ["dp\\.(?:pt|st|ct|sa|scim|audit)\\.[\\w.-]{40,80}"],
  Grafana: ["glc_[A-Za-z0-9+/]{32,255}", "glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}"],
  Sentry: ["sntry[su]_[\\w+/=-]{40,255}"],
  "New Relic": ["NRAK-[A-Z0-9]{27}"],
  Dynatrace: ["dt0[a-z]\\d\\d\\.[A-Z0-9]{24}\\.[A-Z0-9]{64}"],
  Sourcegraph: ["sgp_[\\w-]{40,80}"],
  Postman: ["PMAK-[a-f0-9]{24}-[a-f0-9]{34}"],
  Linear: ["lin_(?:api|oauth)_[A-Za-z0-9]{32,64}"],
  Notion: ["secret_[A-Za-z0-9]{43}", "ntn_[A-Za-z0-9]{40,50}"],
  Airtable: ["pat[A-Za-z0-9]{14}\\.[a-f0-9]{64}"],
  Figma: ["figd_[\\w-]{36,60}"],
  HubSpot: ["pat-[a-z]{2}\\d-[a-f0-9-]{36}"],
  Dropbox: ["sl\\.(?:u\\.)?[\\w-]{100,1024}"],
  Tailscale: ["tskey-[\\w-]{20,120}"],
  "1Password": ["A3-[A-Z0-9]{6}-[A-Z0-9]{6}-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9-]{5,12}"],
  age: ["AGE-SECRET-KEY-1[A-Z0-9]{58}"],
  PASETO: ["v[1-4]\\.(?:local|public)\\.[\\w-]{16,1024}(?:\\.[\\w-]{1,255})?"],
  "PEM in Base64": ["LS0tLS1CRUdJTi[A-Za-z0-9+/=]{20,3072}"],
};

/** Patterns by what they are of. */
export const vendorForms: ReadonlyMap<string, readonly string[]> = new Map(Object.entries(forms));

/** Any of them. */
export const vendorForm = new RegExp(`(?<![A-Za-z0-9])(?:${Object.values(forms).flat().join("|")})`, "g");

/** Those that begin with something arbitrary, so that every word would have to be tried; their sign is looked for instead. */
export const signedForms: readonly (readonly [sign: string, form: RegExp])[] = [
  ["Q~", /(?<![\w~.-])[\w~.]{3}\dQ~[\w~.-]{30,40}/g], // Azure, client secret
  ["AZDO", /(?<![A-Za-z0-9])[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}/g], // Azure DevOps
  [".atlasv1.", /(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,70}/g], // Terraform Cloud
];
