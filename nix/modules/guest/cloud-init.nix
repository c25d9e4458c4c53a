{ config, lib, ... }:
let
  inherit (lib) mkDefault mkOption types;
  cfg = config.services.nixen-guest;
in
{
  options.services.nixen-guest.cloudInit = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the guest takes its name, keys and network from a seed that the host gives it (NoCloud or ConfigDrive).";
    };
    datasources = mkOption {
      type = types.listOf types.str;
      default = [
        "NoCloud"
        "ConfigDrive"
        "None"
      ];
      description = "Where it looks. Without those of public clouds, which would be waited for.";
    };
  };

  config = lib.mkIf (cfg.enable && cfg.cloudInit.enable) {
    services.cloud-init.enable = true;
    services.cloud-init.network.enable = mkDefault true;
    services.cloud-init.settings.datasource_list = cfg.cloudInit.datasources;
    # cloud-init writes networkd's files; dhcpcd beside it would fight.
    networking.useNetworkd = mkDefault true;
    networking.useDHCP = mkDefault false;
  };
}
