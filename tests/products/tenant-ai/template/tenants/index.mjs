import acme from "./acme/tenant.config.json" with { type: "json" };
import globex from "./globex/tenant.config.json" with { type: "json" };
import hooli from "./hooli/tenant.config.json" with { type: "json" };
import initech from "./initech/tenant.config.json" with { type: "json" };
import umbrella from "./umbrella/tenant.config.json" with { type: "json" };

export const tenants = [acme, globex, hooli, initech, umbrella];
