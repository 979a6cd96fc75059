// Reads API v1 with a client that is typed by its OpenAPI: node read.js ADDRESS; what it read, as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const address: string = process.argv[2] ?? "";
const client = createClient<paths>({ baseUrl: address, headers: { Authorization: "Bearer a-token" } });

function got<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

/** Persons now; null where that is not known. */
function persons(state: components["schemas"]["StateAnswer"]): number | null {
  return state.value?.kind === "zone" ? state.value.count : null;
}

const events: components["schemas"]["EventAnswer"][] = [];
for (let after = 0, more = true; more; ) {
  const page = got(await client.GET("/events", { params: { query: { after, limit: 2000 } } }));
  events.push(...page.items);
  ({ next: after, more } = page);
}
const wrong = await client.GET("/events", { params: { query: { limit: 0 } } });
const states = got(await client.GET("/state"));
console.log(
  JSON.stringify({
    sites: got(await client.GET("/sites")),
    places: got(await client.GET("/places")),
    devices: got(await client.GET("/devices")),
    states,
    persons: states.map(persons),
    quarters: got(await client.GET("/quarters")),
    days: got(await client.GET("/days")),
    numbers: events.map((event) => event.n),
    problem: wrong.error,
  }),
);
