{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.virtualisation.nixen;
  nixen = import ../../lib { inherit lib; };
in
{
  config = lib.mkIf cfg.enable {
    virtualisation.nixen.pools.default = { };

    systemd.tmpfiles.rules = lib.mapAttrsToList (_: pool: "d ${pool.path} 0711 root root -") cfg.pools;

    systemd.services = lib.mapAttrs' (
      name: pool:
      lib.nameValuePair "nixen-pool-${name}" {
        description = "Storage pool ${name}";
        wantedBy = [ "multi-user.target" ];
        requires = [ "libvirtd.service" ];
        after = [ "libvirtd.service" ];
        unitConfig.RequiresMountsFor = [ pool.path ];
        path = [ config.virtualisation.libvirtd.package ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${lib.getExe pkgs.bash} ${../../scripts/pool.sh}";
        };
        environment = {
          NIXEN_URI = if cfg.hypervisor == "xen" then "xen:///system" else "qemu:///system";
          NIXEN_POOL = name;
          NIXEN_POOL_XML = pkgs.writeText "pool-${name}.xml" (nixen.libvirt.pool { inherit name; inherit (pool) path; });
        };
      }
    ) cfg.pools;
  };
}
