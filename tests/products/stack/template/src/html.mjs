// Pages. What somebody typed is shown as text and never as markup.
const SAFE = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export const escape = (text) => text.replace(/[&<>"']/g, (sign) => SAFE[sign]);

export function page(title, wanted, lines) {
  const items = lines.map((line) => `<li>${escape(line)}</li>`).join("");
  const body = `<!doctype html><title>${title}</title><h1>${title}: ${escape(wanted)}</h1><ul>${items}</ul>`;
  return new Response(body, {
    status: 200,
    headers: { "content-type": "text/html; charset=utf-8", "x-content-type-options": "nosniff" },
  });
}
