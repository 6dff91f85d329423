// Production is changed by the pipeline. On a laptop this stops the deploy script.
if (process.env.CI !== "true") {
  console.error("Deploy by the workflow `deploy`; nothing is deployed from here.");
  process.exit(1);
}
