// Which metric of a service to show first.

import { incidents, newestFirst } from "./incidentfeed.js";

/** The metric of an open detection, else a latency, else the first by name. */
export function foremost(types, service) {
  const firing = newestFirst(incidents.items.values()).filter((incident) => incident.status !== "resolved").flatMap((incident) => incident.detections);
  const alarmed = firing.find((one) => one.service_name === service && types.includes(one.metric_type));
  if (alarmed) return alarmed.metric_type;
  const names = [...types].sort();
  return names.find((name) => /latency|duration|response/i.test(name)) ?? names[0];
}
