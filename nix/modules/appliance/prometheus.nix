{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixen;
  nixen = import ../../lib { inherit lib; };
  port = if cfg.settings.server.port == null then nixen.settings.specs."server.port".default else cfg.settings.server.port;
in
{
  options.services.nixen.prometheus = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the Prometheus of this machine ({option}`services.prometheus`) collects the metrics of Nixen.";
    };
    tokenFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/run/secrets/nixen-metrics-token";
      description = "File with a token that may read, for Prometheus: `nixen token create prometheus --grants 'actions=*:read'`.";
    };
    interval = mkOption {
      type = types.str;
      default = "30s";
      description = "How often.";
    };
  };

  config = lib.mkIf (cfg.enable && cfg.prometheus.enable) {
    services.prometheus.enable = lib.mkDefault true;
    services.prometheus.scrapeConfigs = [
      {
        job_name = "nixen";
        scrape_interval = cfg.prometheus.interval;
        scheme = if cfg.tls.mode == "off" then "http" else "https";
        # The certificate is the machine's own and the way is the loopback.
        tls_config.insecure_skip_verify = true;
        authorization.credentials_file = toString cfg.prometheus.tokenFile;
        static_configs = [ { targets = [ "127.0.0.1:${toString port}" ]; } ];
      }
    ];
  };
}
