// The client: it holds nothing but what a visitor may see.
document.querySelector("form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(`/search?q=${encodeURIComponent(new FormData(event.target).get("q") ?? "")}`);
});
