{ config, lib, ... }:
let
  inherit (lib) mkDefault mkOption types;
  cfg = config.services.nixen-guest;
in
{
  options.services.nixen-guest = {
    enable = lib.mkEnableOption "what a guest of Nixen needs: agents, growing disks, a serial console";

    growDisk = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the partition and the file system of the root grow when the disk has grown.";
    };

    serialConsole = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the system speaks on the serial console of KVM and on Xen's, too: what the console of Nixen shows when there is no screen.";
    };
  };

  config = lib.mkIf cfg.enable {
    boot.growPartition = lib.mkIf cfg.growDisk (mkDefault true);
    fileSystems."/".autoResize = lib.mkIf cfg.growDisk (mkDefault true);

    # The last one is where /dev/console goes.
    boot.kernelParams = lib.mkIf cfg.serialConsole [
      "console=tty0"
      "console=hvc0"
      "console=ttyS0,115200n8"
    ];
  };
}
