// Who may do what: one table, asked at one place, before anything is done.

const MAY = {
  user: {
    full: { read: true, write: true, projects: true, keys: true },
  },
  system: {
    read: { read: true, write: false, projects: false, keys: false },
    readwrite: { read: true, write: true, projects: false, keys: false },
  },
};

/** Whether a key of this type and permission level may do something at all. */
export function mayDo(key, action) {
  return MAY[key.type]?.[key.permissions]?.[action] === true;
}

/** Whether a key reaches this environment of this project. User keys reach everything of their account. */
export function reaches(key, project, environment) {
  return key.type === "user" || key.scopes.includes(`${project}:${environment}`);
}

/** The levels that a key of this type can have. */
export function levels(type) {
  return Object.keys(MAY[type] ?? {});
}

/** Whether a text names one environment of one project; a wildcard names none. */
export function isScope(text) {
  return typeof text === "string" && /^[a-z0-9][a-z0-9-]{0,62}:[a-z0-9][a-z0-9-]{0,30}$/.test(text);
}
