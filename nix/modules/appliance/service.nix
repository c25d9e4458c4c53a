{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.nixen;
  nixen = import ../../lib { inherit lib; };
  port = if cfg.settings.server.port == null then nixen.settings.specs."server.port".default else cfg.settings.server.port;
  # Wherever the command is typed, it finds the server of this machine.
  command = pkgs.writeShellApplication {
    name = "nixen";
    text = ''
      export NIXEN_STATE_DIR=''${NIXEN_STATE_DIR:-/var/lib/nixen}
      exec ${lib.getExe cfg.package} "$@"
    '';
  };
in
{
  config = lib.mkIf cfg.enable {
    users.users.nixen = {
      isSystemUser = true;
      description = "Nixen";
      group = "nixen";
      home = "/var/lib/nixen";
    };
    users.groups.nixen = { };

    environment.systemPackages = [ command ];

    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [ port ];

    systemd.services.nixen = {
      description = "Nixen control plane";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [
        "network-online.target"
        "time-sync.target"
      ];
      restartTriggers = [ cfg.configFile ];
      # libvirt on other hosts is reached by the system's ssh.
      path = [ pkgs.openssh ];
      environment = {
        NIXEN_STATE_DIR = "/var/lib/nixen";
        # Sentences that name a command name one that can be typed.
        NIXEN_PROGRAM = "sudo nixen";
      }
      // lib.optionalAttrs (cfg.memory.heap != null) {
        NODE_OPTIONS = "--max-old-space-size=${toString cfg.memory.heap}";
      }
      // cfg.extraEnvironment;
      serviceConfig =
        nixen.hardening.all
        // lib.optionalAttrs (port < 1024) nixen.hardening.lowPort
        // {
          # Node asks by netlink which addresses the machine has; the certificate is for them.
          RestrictAddressFamilies = nixen.hardening.all.RestrictAddressFamilies ++ [ "AF_NETLINK" ];
          Type = "exec";
          ExecStart = lib.mkDefault "${lib.getExe cfg.package} serve --config ${cfg.configFile}";
          User = "nixen";
          Group = "nixen";
          StateDirectory = "nixen";
          StateDirectoryMode = "0700";
          CacheDirectory = "nixen";
          RuntimeDirectory = "nixen";
          WorkingDirectory = "/var/lib/nixen";
          LoadCredential = lib.mapAttrsToList (name: file: "${name}:${toString file}") cfg.credentials;
          Restart = "on-failure";
          RestartSec = 2;
          # Backups that run are told to stop, and write down how far they came.
          TimeoutStopSec = 90;
          LimitNOFILE = 65536;
          OOMPolicy = "continue";
        }
        // lib.optionalAttrs (cfg.memory.max != null) { MemoryMax = cfg.memory.max; };
    };
  };
}
