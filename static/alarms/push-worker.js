// Shows alarms that are pushed, and opens them.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let told = {};
  try {
    told = event.data.json();
  } catch {
    told = {};
  }
  const shown = self.registration.showNotification(told.title || "!", {
    body: told.body || "",
    lang: told.lang || "",
    tag: told.id || "alarm", // a repetition takes the place of the first
    requireInteraction: told.severity === "critical",
    silent: told.severity === "info" || told.severity === "debug",
    data: { url: told.url || "/" },
  });
  event.waitUntil(shown);
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data.url, self.location.origin);
  const own = url.origin === self.location.origin ? url.href : self.location.origin;
  event.waitUntil(self.clients.openWindow(own));
});
