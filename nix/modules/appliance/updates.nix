# The machine updates itself: newer inputs in a copy, built, activated, asked, and only then kept. The work is done by `nixen appliance`
# (packages/cli/src/appliance), which this gives its schedule and its configuration.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixen;
  updates = cfg.updates;
  nixen = import ../../lib { inherit lib; };
  port = if cfg.settings.server.port == null then nixen.settings.specs."server.port".default else cfg.settings.server.port;
  scheme = if cfg.tls.mode == "off" then "http" else "https";
  base = if cfg.settings.server.base_path == null then "/" else lib.removeSuffix "/" cfg.settings.server.base_path + "/";

  kind =
    { what, schedule, inputs }:
    {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether to update ${what} on a schedule, when {option}`services.nixen.updates.enable` is set.";
      };
      schedule = mkOption {
        type = types.str;
        default = schedule;
        description = "When, as systemd.time(7) writes it.";
      };
      inputs = mkOption {
        type = types.nullOr (types.listOf types.str);
        default = inputs;
        description = "Inputs of the flake that are updated; all of them when null.";
      };
      keepGenerations = mkOption {
        type = types.ints.positive;
        default = updates.keepGenerations;
        defaultText = lib.literalExpression "services.nixen.updates.keepGenerations";
        description = "How many generations stay after such an update. What runs, was booted, boots, or was the last good update always stays.";
      };
    };

  kinds = lib.filterAttrs (_: each: each.enable) {
    inherit (updates) inputs nixpkgs nixen;
  };

  file = {
    version = 1;
    flake = updates.flake;
    host = updates.host;
    stateDirectory = "/var/lib/nixen-appliance";
    profile = "/nix/var/nix/profiles/system";
    currentSystem = "/run/current-system";
    bootedSystem = "/run/booted-system";
    programs = {
      nix = "/run/current-system/sw/bin/nix";
      nixEnv = "/run/current-system/sw/bin/nix-env";
      nixosRebuild = "/run/current-system/sw/bin/nixos-rebuild";
      git = lib.getExe pkgs.git;
    };
    kinds = lib.mapAttrs (_: each: { inherit (each) inputs keepGenerations; }) {
      inherit (updates) inputs nixpkgs nixen;
    };
    inherit (updates) keepGenerations;
    snapshot = if updates.snapshot then [ "/run/current-system/sw/bin/systemctl" "start" "nixen-pre-update.service" ] else null;
    # By their paths in the store: of this generation, whichever one runs.
    restore =
      if updates.snapshot then
        [
          (lib.getExe' pkgs.coreutils "env")
          "NIXEN=${lib.getExe cfg.package}"
          "NIXEN_STATE_DIR=/var/lib/nixen"
          "NIXEN_BACKUP_DIRECTORY=${cfg.stateBackup.directory}"
          (lib.getExe pkgs.bash)
          "${../../scripts/return-state.sh}"
        ]
      else
        null;
    health = {
      url = "${scheme}://127.0.0.1:${toString port}${base}healthz";
      timeout = updates.health.timeout;
      successes = 3;
      interval = 2;
    };
    notify = updates.notify.rendered;
  };

  service = description: command: {
    inherit description;
    path = [ "/run/current-system/sw" ];
    # It is the one that switches: it must live through that.
    restartIfChanged = false;
    stopIfChanged = false;
    unitConfig.X-StopOnRemoval = false;
    serviceConfig = {
      Type = "oneshot";
      ExecStart = "${lib.getExe cfg.package} appliance ${command}";
      # Stopped, it goes back first.
      TimeoutStopSec = "15min";
      KillMode = "mixed";
      Nice = 10;
      IOSchedulingClass = "idle";
      # Nothing private: what a switch mounts has to be the machine's.
    };
  };
  timer = what: schedule: {
    description = "Nixen: ${what}";
    wantedBy = [ "timers.target" ];
    timerConfig = {
      OnCalendar = schedule;
      Persistent = true;
      RandomizedDelaySec = updates.randomizedDelay;
    };
  };
in
{
  options.services.nixen.updates = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the machine updates itself. Each update is built from a copy of the configuration, activated, and kept only if Nixen answers then;
        otherwise, or when it is interrupted, the machine goes back to what it ran.
      '';
    };
    flake = mkOption {
      type = types.strMatching "/[^[:space:]]*";
      default = "/etc/nixos";
      description = "Folder of the configuration, with its flake.nix. If it is a git repository, only files that git knows are used, and the new flake.lock is committed.";
    };
    host = mkOption {
      type = types.nonEmptyStr;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      description = "Name of the machine under `nixosConfigurations` of the flake.";
    };
    inputs = kind {
      what = "all inputs of the flake";
      schedule = "Sun *-*-* 04:00:00";
      inputs = null;
    };
    nixpkgs = kind {
      what = "nixpkgs";
      schedule = "Mon *-*-* 04:00:00";
      inputs = [ "nixpkgs" ];
    };
    nixen = kind {
      what = "Nixen";
      schedule = "Tue *-*-* 04:00:00";
      inputs = [ "nixen" ];
    };
    gc = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether old generations, and what nothing refers to, are removed on a schedule.";
      };
      schedule = mkOption {
        type = types.str;
        default = "Sun *-*-* 06:00:00";
        description = "When, as systemd.time(7) writes it.";
      };
    };
    keepGenerations = mkOption {
      type = types.ints.positive;
      default = 7;
      description = "How many generations stay.";
    };
    randomizedDelay = mkOption {
      type = types.str;
      default = "30min";
      description = "Each start is later by a random time up to this, so that not all machines fetch at once.";
    };
    snapshot = mkOption {
      type = types.bool;
      default = cfg.stateBackup.enable;
      defaultText = lib.literalExpression "services.nixen.stateBackup.enable";
      description = "Whether Nixen's own state is copied before anything is changed. An update does not go on without the copy. The last 3 are kept.";
    };
    health.timeout = mkOption {
      type = types.ints.positive;
      default = 180;
      description = "Seconds that Nixen has to answer after the switch; then the machine goes back.";
    };
  };

  config = lib.mkIf (cfg.enable && updates.enable) {
    environment.etc."nixen/appliance.json".text = builtins.toJSON file;

    systemd.services = {
      # Whatever a loss of power interrupted is ended before the next update can begin.
      nixen-update-recover = lib.recursiveUpdate (service "Nixen: end an interrupted update" "recover") {
        # Once a start of the machine: a switch starts again what is wanted and not active.
        serviceConfig.RemainAfterExit = true;
        wantedBy = [ "multi-user.target" ];
        after = [ "nixen.service" ];
      };
    }
    // lib.optionalAttrs updates.gc.enable {
      nixen-update-gc = service "Nixen: remove old generations" "gc" // {
        after = [ "nixen-update-recover.service" ];
      };
    }
    // lib.mapAttrs' (
      name: _:
      lib.nameValuePair "nixen-update-${name}" (
        service "Nixen: update of ${name}" "update ${name}"
        // {
          wants = [ "network-online.target" ];
          after = [
            "network-online.target"
            "nixen-update-recover.service"
          ];
        }
      )
    ) kinds;

    systemd.timers =
      lib.mapAttrs' (name: each: lib.nameValuePair "nixen-update-${name}" (timer "update of ${name}" each.schedule)) kinds
      // lib.optionalAttrs updates.gc.enable { nixen-update-gc = timer "remove old generations" updates.gc.schedule; };
  };
}
