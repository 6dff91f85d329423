// Asks the deploy broker whether a person approved this run, and stops if nobody did.
const [verb, run] = process.argv.slice(2);
const answer = await fetch(`${process.env.BROKER_URL}/${verb}/${run}`, { headers: { authorization: `Bearer ${process.env.BROKER_TOKEN}` } });
if (!answer.ok || (await answer.json()).approved !== true) process.exit(1);
