// Explicit checks of what comes in: header fields, bodies, messages.

import { Refusal } from "./errors.mjs";

const malformed = (message) => new Refusal(400, "invalid_request", message);

const FORMS = {
  "x-request-id": /^[A-Za-z0-9-]{1,64}$/,
  "x-gangway-client": /^[a-z0-9][a-z0-9./-]{0,63}$/,
};

export function checkedHeaders(headers) {
  for (const [name, form] of Object.entries(FORMS)) {
    const value = headers.get(name);
    if (value !== null && !form.test(value)) throw malformed(`The header field ${name} is not of its form.`);
  }
}

export async function checkBody(request, form) {
  const type = request.headers.get("Content-Type") ?? "";
  if (!/^application\/json\s*(;\s*charset=utf-8)?$/i.test(type)) throw new Refusal(415, "unsupported_media_type", "Send JSON.");
  return checkText(await request.text(), form);
}

export function checkText(text, form) {
  return checkValue(readJson(text), form);
}

// A message says by its type which form it has.
export function checkMessage(text, forms) {
  const message = checkValue(readJson(text), isObject);
  if (!Object.hasOwn(forms, message.type)) throw malformed("There is no such type of message.");
  return checkValue(message, forms[message.type]);
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed("This is no JSON.");
  }
}

function checkValue(value, form) {
  check(value, form, "");
  return value;
}

// A form is the name of a type, a list with the form of its items, or an object; a name that ends with ? may be missing.
function check(value, form, at) {
  if (typeof form === "function") {
    if (!form(value)) throw malformed(`${at || "The body"} is not as it must be.`);
  } else if (Array.isArray(form)) {
    if (!Array.isArray(value) || value.length === 0 || value.length > 64) throw malformed(`${at || "The body"} must be a list.`);
    value.forEach((item, index) => check(item, form[0], `${at}/${index}`));
  } else {
    if (!isObject(value)) throw malformed(`${at || "The body"} must be an object.`);
    const wanted = Object.entries(form).map(([name, inner]) => [name.replace(/\?$/, ""), inner, name.endsWith("?")]);
    for (const name of Object.keys(value)) {
      if (!wanted.some(([known]) => known === name)) throw malformed(`${at}/${name} is not known.`);
    }
    for (const [name, inner, optional] of wanted) {
      if (name in value) check(value[name], inner, `${at}/${name}`);
      else if (!optional) throw malformed(`${at}/${name} is missing.`);
    }
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const text = (most) => (value) => typeof value === "string" && value.length > 0 && value.length <= most;
export const oneOf = (...words) => (value) => words.includes(value);
export const truth = (value) => typeof value === "boolean";
