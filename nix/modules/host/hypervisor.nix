{ config, lib, ... }:
let
  inherit (lib) mkDefault;
  cfg = config.virtualisation.nixen;
  isXen = cfg.hypervisor == "xen";
in
{
  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      {
        virtualisation.libvirtd = {
          enable = true;
          # Declared domains are started by units of their own; others by libvirt, if they are marked so.
          onBoot = mkDefault "ignore";
          onShutdown = mkDefault "shutdown";
          allowedBridges = lib.mapAttrsToList (_: network: network.bridge) cfg.networks;
        };
        users.groups.libvirtd.members = cfg.users;
        security.polkit.enable = true;
      }
      (lib.mkIf (!isXen) {
        virtualisation.libvirtd.qemu.runAsRoot = mkDefault false;
        virtualisation.libvirtd.qemu.swtpm.enable = mkDefault true;
        boot.kernelModules = [
          "kvm-amd"
          "kvm-intel"
          "vhost_net"
        ];
      })
      (lib.mkIf isXen {
        virtualisation.xen.enable = true;
        virtualisation.xen.dom0Resources = {
          memory = mkDefault cfg.dom0.memory;
          maxVCPUs = mkDefault cfg.dom0.vcpus;
        };
        # What nixpkgs' module asks for; another loader that it takes (Limine, lanzaboote) is a plain assignment away.
        boot.initrd.systemd.enable = mkDefault true;
        boot.loader.systemd-boot.enable = mkDefault (!config.boot.loader.limine.enable);
      })
    ]
  );
}
