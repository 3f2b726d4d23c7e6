// The two parts of prom-client that keep off process, cluster and perf_hooks; the package has types only for the whole.
declare module "prom-client/lib/gauge.js" {
  import { Gauge } from "prom-client";

  export default Gauge;
}
declare module "prom-client/lib/registry.js" {
  import { Registry } from "prom-client";

  export default Registry;
}
