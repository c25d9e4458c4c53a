# The guest makes itself what it was told to be: from the seed disk that its host gives it, or from a flake. Three tries; then it is what it was.
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
  options.services.nixen-guest.bootstrap = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether the guest switches to the system that the disk with the label `NIXENSEED` brings
        ({option}`virtualisation.nixen.domains.<name>.config` of its host makes one), or to {option}`services.nixen-guest.bootstrap.flake`.
        It is tried first and becomes what boots only when it was activated without a failure. The state is in /var/lib/nixen-guest/bootstrap.
      '';
    };
    flake = mkOption {
      type = types.nullOr (types.strMatching "[^#[:space:]]+#[^#[:space:]]+");
      default = null;
      example = "github:example/fleet#web";
      description = "Flake and name of the machine under its `nixosConfigurations`, for guests without a seed disk. Needs the network.";
    };
    tries = mkOption {
      type = types.ints.between 1 10;
      default = 3;
      description = "How often it is tried; then the guest stays what it was, until it is told something else.";
    };
    reboot = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the guest restarts after it has become what it should be, if that has another kernel.";
    };
  };

  config = lib.mkIf (cfg.enable && cfg.bootstrap.enable) {
    systemd.services.nixen-bootstrap = {
      description = "Become what this guest was told to be";
      wantedBy = [ "multi-user.target" ];
      wants = lib.optional (cfg.bootstrap.flake != null) "network-online.target";
      # After the target that wants it: the switch starts that target again, and must not wait for this.
      after = [
        "multi-user.target"
        "nix-daemon.socket"
      ]
      ++ lib.optional (cfg.bootstrap.flake != null) "network-online.target";
      # The switch that it makes must not end it.
      restartIfChanged = false;
      stopIfChanged = false;
      unitConfig.X-StopOnRemoval = false;
      startLimitIntervalSec = 3600;
      startLimitBurst = cfg.bootstrap.tries + 1;
      path = [
        config.nix.package
        config.systemd.package
        pkgs.coreutils
        pkgs.util-linux
      ];
      environment = {
        NIXEN_SEED = "/run/nixen-seed";
        # Not a mount unit: that would wait a minute and a half for a disk that most guests do not have.
        NIXEN_SEED_DEVICE = "/dev/disk/by-label/NIXENSEED";
        NIXEN_STATE = "/var/lib/nixen-guest/bootstrap";
        NIXEN_TRIES = toString cfg.bootstrap.tries;
        NIXEN_REBOOT = if cfg.bootstrap.reboot then "1" else "";
        NIXEN_FLAKE = if cfg.bootstrap.flake == null then "" else cfg.bootstrap.flake;
        NIXEN_PROFILE = "/nix/var/nix/profiles/system";
        NIXEN_CURRENT = "/run/current-system";
        NIXEN_BOOTED = "/run/booted-system";
      };
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        StateDirectory = "nixen-guest";
        ExecStart = "${lib.getExe pkgs.bash} ${../../scripts/guest-bootstrap.sh}";
        Restart = "on-failure";
        RestartSec = 20;
      };
    };
  };
}
