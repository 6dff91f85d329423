// A small schema language: every value that enters is checked by one of these, and unknown members are refused.

const good = (data) => ({ success: true, data });
const bad = { success: false };

export const text = ({ min = 0, max = Infinity, form = /^/ } = {}) => (value) => {
  if (typeof value !== "string" || !form.test(value)) return bad;
  const length = [...value].length;
  return length >= min && length <= max ? good(value) : bad;
};

export const flag = () => (value) => (typeof value === "boolean" ? good(value) : bad);

export const whole = ({ min, max }) => (value) =>
  Number.isInteger(value) && value >= min && value <= max ? good(value) : bad;

export const optional = (inner, otherwise) => (value) => (value === undefined ? good(otherwise) : inner(value));

export const object = (members) => ({
  safeParse(value) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return bad;
    if (Object.keys(value).some((name) => !Object.hasOwn(members, name))) return bad;
    const data = {};
    for (const [name, member] of Object.entries(members)) {
      const result = member(value[name]);
      if (!result.success) return bad;
      if (result.data !== undefined) data[name] = result.data;
    }
    return good(data);
  },
});
