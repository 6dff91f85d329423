// Fills a local D1 from within workerd, where the Worker's own code reaches it.
import { seed } from "./seed.mjs";

export default {
  async fetch(_request, env) {
    await seed(env.DB, env.MIGRATIONS, env);
    return new Response(null, { status: 204 });
  },
};
