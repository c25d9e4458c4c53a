# The disk of an appliance, for disko: one GPT disk with an ESP and a root that grows. Nothing is asked of the name of the disk but that it is said.
{ config, lib, ... }:
let
  cfg = config.services.nixen.disk;
in
{
  options.services.nixen.disk = {
    device = lib.mkOption {
      type = lib.types.strMatching "/dev/.+";
      example = "/dev/disk/by-id/nvme-…";
      description = "The disk that is partitioned anew by disko. All that is on it is lost.";
    };
    swap = lib.mkOption {
      type = lib.types.nullOr (lib.types.strMatching "[1-9][0-9]*[MG]");
      default = null;
      example = "4G";
      description = "Size of a swap partition; none when null.";
    };
  };

  config.disko.devices.disk.main = {
    type = "disk";
    inherit (cfg) device;
    content = {
      type = "gpt";
      partitions = {
        ESP = {
          size = "1G";
          type = "EF00";
          priority = 1;
          content = {
            type = "filesystem";
            format = "vfat";
            mountpoint = "/boot";
            mountOptions = [ "umask=0077" ];
          };
        };
        root = {
          size = "100%";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/";
          };
        };
      }
      // lib.optionalAttrs (cfg.swap != null) {
        swap = {
          size = cfg.swap;
          priority = 2;
          content.type = "swap";
        };
      };
    };
  };
}
