{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixen-guest;
in
{
  options.services.nixen-guest.agents = {
    qemu = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the agent for KVM is there (addresses, orderly shutdown, file systems at rest for snapshots). It starts when the host offers its port.";
    };
    xen = mkOption {
      type = types.enum [
        "xen-guest-agent"
        "xe-guest-utilities"
        "none"
      ];
      default = "xen-guest-agent";
      description = "Agent for Xen: the Xen Project's, or XenServer's. It starts under Xen only.";
    };
  };

  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      { services.qemuGuest.enable = lib.mkIf cfg.agents.qemu true; }
      (lib.mkIf (cfg.agents.xen == "xe-guest-utilities") { services.xe-guest-utilities.enable = true; })
      (lib.mkIf (cfg.agents.xen == "xen-guest-agent") {
        # nixpkgs has the package and no module (26.05).
        systemd.services.nixen-xen-agent = {
          description = "Xen guest agent";
          wantedBy = [ "multi-user.target" ];
          after = [ "network.target" ];
          unitConfig.ConditionVirtualization = "xen";
          serviceConfig = {
            ExecStart = lib.getExe' pkgs.xen-guest-agent "xen-guest-agent";
            Restart = "on-failure";
            RestartSec = 10;
            # It reads addresses and writes them to XenStore; that is all.
            CapabilityBoundingSet = "";
            DeviceAllow = [
              "/dev/xen/xenbus rw"
              "/dev/xen/gntdev rw"
              "/dev/xen/evtchn rw"
            ];
            DevicePolicy = "closed";
            LockPersonality = true;
            MemoryDenyWriteExecute = true;
            NoNewPrivileges = true;
            PrivateTmp = true;
            ProtectClock = true;
            ProtectControlGroups = true;
            ProtectHome = true;
            ProtectKernelLogs = true;
            ProtectKernelModules = true;
            ProtectKernelTunables = true;
            ProtectSystem = "strict";
            RestrictAddressFamilies = [
              "AF_NETLINK"
              "AF_UNIX"
            ];
            RestrictNamespaces = true;
            RestrictRealtime = true;
            RestrictSUIDSGID = true;
            SystemCallArchitectures = "native";
            SystemCallFilter = [
              "@system-service"
              "~@privileged"
              "~@resources"
            ];
            UMask = "0077";
          };
        };
      })
    ]
  );
}
