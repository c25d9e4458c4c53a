# A copy of Nixen's own state, beside it or elsewhere: users, connections, jobs, keys. Not the backups of VMs; those are in repositories.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixen;
  nixen = import ../../lib { inherit lib; };
  onMount = lib.hasPrefix "/mnt/nixen/" cfg.stateBackup.directory;
  service = description: environment: {
    inherit description;
    path = [
      pkgs.coreutils
      pkgs.findutils
    ]
    ++ lib.optional (cfg.database.type == "postgresql") config.services.postgresql.package;
    environment = {
      NIXEN = lib.getExe cfg.package;
      NIXEN_STATE_DIR = "/var/lib/nixen";
      NIXEN_BACKUP_DIRECTORY = cfg.stateBackup.directory;
    }
    // lib.optionalAttrs (cfg.database.type == "postgresql") { NIXEN_BACKUP_POSTGRES = "nixen"; }
    // environment;
    serviceConfig = nixen.hardening.all // {
      Type = "oneshot";
      ExecStart = "${lib.getExe pkgs.bash} ${../../scripts/state-backup.sh} --config ${cfg.configFile}";
      User = "nixen";
      Group = "nixen";
      ReadWritePaths = [
        "/var/lib/nixen"
        (if onMount then "/mnt/nixen" else cfg.stateBackup.directory)
      ];
    };
    unitConfig.RequiresMountsFor = [ cfg.stateBackup.directory ];
  };
in
{
  options.services.nixen.stateBackup = {
    enable = mkOption {
      type = types.bool;
      default = cfg.database.type == "sqlite" || cfg.database.createLocally;
      defaultText = lib.literalMD "true, unless the database is on another machine, where it is backed up";
      description = "Whether to back up Nixen's own state on a schedule. Each copy is checked. It holds the keys: keep it as safe as the machine.";
    };
    schedule = mkOption {
      type = types.str;
      default = "*-*-* 03:15:00";
      description = "When, as systemd.time(7) writes it.";
    };
    directory = mkOption {
      type = types.strMatching "/[^[:space:]]+";
      default = "/var/lib/nixen-backup";
      example = "/mnt/nixen/nas/nixen-state";
      description = "Where copies are kept. On a mount of {option}`services.nixen.mounts` they outlive the machine.";
    };
    keep = mkOption {
      type = types.ints.positive;
      default = 14;
      description = "How many copies are kept. An older one is removed after a new one was made and checked.";
    };
  };

  config = lib.mkIf (cfg.enable && cfg.stateBackup.enable) {
    systemd.timers.nixen-state-backup = {
      description = "Nixen: backup of its own state";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnCalendar = cfg.stateBackup.schedule;
        Persistent = true;
        RandomizedDelaySec = "15min";
      };
    };
    systemd.services.nixen-state-backup = service "Nixen: backup of its own state" {
      NIXEN_BACKUP_KEEP = toString cfg.stateBackup.keep;
    };
    systemd.services.nixen-pre-update = lib.mkIf (cfg.updates.enable && cfg.updates.snapshot) (
      service "Nixen: copy of its own state before an update" {
        NIXEN_BACKUP_KEEP = "3";
        NIXEN_BACKUP_LABEL = "pre-update";
      }
    );
    systemd.tmpfiles.rules = lib.optional (!onMount) "d ${cfg.stateBackup.directory} 0700 nixen nixen -";
  };
}
