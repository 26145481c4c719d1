// A scanned link carries number and code behind the #, which browsers send to nobody.
// They are kept for the wizard across the sign-in, in this tab only.

const KEY = "claim";

if (location.hash.length > 1) {
  sessionStorage.setItem(KEY, location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
location.replace(document.getElementById("to-wizard").href);
