/** Everything that is measured, by the name it has in the tables. */
export const names = {
  direct: "no gateway",
  nginx: "nginx, no checks",
  cached: "HAProxy, verdicts cached",
  each: "HAProxy, each token verified",
  stack: "express stack",
  sallyport: "Sallyport",
  fewRules: "Sallyport, 10 rules",
  rules: "Sallyport, 100 rules",
  manyRules: "Sallyport, 1,000 rules",
  half: "Sallyport, half of the tools allowed",
  all: "Sallyport, all tools allowed",
  strangers: "Sallyport, asked by strangers",
} as const;
export type Name = keyof typeof names;
