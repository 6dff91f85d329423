// One line of JSON an event. What a request carries is never part of it.
export function log(level, fields) {
  console.log(JSON.stringify({ time: new Date().toISOString(), level, ...fields }));
}
