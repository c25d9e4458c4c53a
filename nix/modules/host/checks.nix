{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.virtualisation.nixen;
  name = "virtualisation.nixen";
  nixen = import ../../lib { inherit lib; };
  domains = lib.filterAttrs (_: domain: domain.enable) cfg.domains;

  # Each value with the options that have it.
  twice =
    entries:
    lib.filterAttrs (_: found: builtins.length found > 1) (
      lib.mapAttrs (_: map (entry: entry.option)) (lib.groupBy (entry: entry.value) entries)
    );
  clash =
    what: advice: entries:
    lib.mapAttrsToList (value: options: {
      assertion = false;
      message = "${lib.concatStringsSep " and " options} have the same ${what}, ${value}. ${advice}";
    }) (twice entries);
  nics = lib.concatLists (
    lib.mapAttrsToList (
      domain: each:
      lib.mapAttrsToList (key: nic: {
        option = "${name}.domains.${domain}.nics.${key}";
        inherit nic;
        mac =
          if nic.mac != null then
            nic.mac
          else
            nixen.mac.for {
              backend = cfg.hypervisor;
              name = "${domain}/${key}";
            };
      }) each.nics
    ) domains
  );
  per = f: lib.concatLists (lib.mapAttrsToList f domains);
  known = set: "There are: ${lib.concatStringsSep ", " (lib.attrNames set)}.";
in
{
  config = lib.mkIf cfg.enable {
    assertions =
      clash "MAC address" "Give one of them another, or leave it out: then it is made from the names." (
        map ({ option, mac, ... }: { option = "${option}.mac"; value = mac; }) nics
      )
      ++ clash "address" "Two machines on one network need two." (
        lib.concatMap (
          { option, nic, ... }: lib.optional (nic.address != null) { option = "${option}.address"; value = "${lib.head (lib.splitString "/" nic.address)} (network ${nic.network})"; }
        ) nics
      )
      ++ clash "UUID" "Backups go by it: leave it out, or write another." (
        lib.mapAttrsToList (domain: each: { option = "${name}.domains.${domain}.uuid"; value = each.uuid; }) domains
      )
      ++ clash "bridge" "Two networks cannot share one." (
        lib.mapAttrsToList (key: network: { option = "${name}.networks.${key}.bridge"; value = network.bridge; }) cfg.networks
      )
      ++ clash "interface without a VLAN" "It can be a port of one bridge only: give networks a vlan." (
        lib.concatLists (
          lib.mapAttrsToList (
            key: network:
            lib.optionals (network.vlan == null) (
              map (interface: { option = "${name}.networks.${key}.interfaces"; value = interface; }) network.interfaces
            )
          ) cfg.networks
        )
      )
      ++ lib.mapAttrsToList (domain: _: {
        assertion = builtins.match "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}" domain != null;
        message = "${name}.domains.\"${domain}\": the name becomes a unit and a file. Use letters, digits, dots, dashes and underscores.";
      }) domains
      ++ lib.mapAttrsToList (key: network: {
        assertion = network.vlan == null || builtins.length network.interfaces == 1;
        message = "${name}.networks.${key}.vlan is of one interface, and ${name}.networks.${key}.interfaces has ${toString (builtins.length network.interfaces)}. Name one (a bond can be one).";
      }) cfg.networks
      ++ lib.mapAttrsToList (key: network: {
        assertion = !(network.dhcp && network.address != [ ]);
        message = "${name}.networks.${key} has both dhcp and address. Choose one.";
      }) cfg.networks
      ++ per (
        domain: each:
        lib.mapAttrsToList (key: nic: {
          assertion = cfg.networks ? ${nic.network};
          message = "${name}.domains.${domain}.nics.${key}.network is \"${nic.network}\", and ${name}.networks has no such. ${known cfg.networks}";
        }) each.nics
        ++ lib.mapAttrsToList (key: nic: {
          assertion = nic.address == null || each.config != null;
          message = "${name}.domains.${domain}.nics.${key}.address is set by the guest, which ${name}.domains.${domain}.config would tell so. Set that (it may be empty), or give the address by DHCP.";
        }) each.nics
        ++ lib.mapAttrsToList (key: disk: {
          assertion = cfg.pools ? ${disk.pool};
          message = "${name}.domains.${domain}.disks.${key}.pool is \"${disk.pool}\", and ${name}.pools has no such. ${known cfg.pools}";
        }) each.disks
        ++ [
          {
            assertion = each.disks != { };
            message = "${name}.domains.${domain}.disks is empty: it would have nothing to start from.";
          }
          {
            assertion = builtins.length (lib.attrNames each.disks) <= 20;
            message = "${name}.domains.${domain}.disks has more than 20.";
          }
          {
            assertion = each.base == null || cfg.bases ? ${each.base};
            message = "${name}.domains.${domain}.base is \"${toString each.base}\", and ${name}.bases has no such. ${known cfg.bases}";
          }
          {
            assertion = each.config == null || each.base != null;
            message = "${name}.domains.${domain}.config needs ${name}.domains.${domain}.base: a NixOS that makes itself into this one at its first start.";
          }
          {
            assertion = !(each.tpm && cfg.hypervisor == "xen");
            message = "${name}.domains.${domain}.tpm is for KVM only. Remove it.";
          }
        ]
      )
      ++ [
        {
          assertion = pkgs.stdenv.hostPlatform.isx86_64;
          message = "${name}.enable: hosts are x86_64 so far, and this is ${pkgs.stdenv.hostPlatform.system}. Unset it.";
        }
        {
          assertion = cfg.hypervisor != "xen" || config.boot.loader.systemd-boot.enable || config.boot.loader.limine.enable;
          message = "${name}.hypervisor is \"xen\", which boots by UEFI: set boot.loader.systemd-boot.enable or boot.loader.limine.enable.";
        }
        {
          assertion = cfg.hypervisor != "xen" || cfg.dom0.memory == 0 || cfg.dom0.memory >= 1024;
          message = "${name}.dom0.memory is ${toString cfg.dom0.memory} MiB: a NixOS dom0 with libvirt needs 1024 at least.";
        }
      ];

    warnings =
      lib.optional (cfg.hypervisor == "xen" && cfg.dom0.memory == 0)
        "${name}.dom0.memory is 0: dom0 takes all memory, and guests only get what it gives back."
      ++ lib.mapAttrsToList (domain: _: "${name}.domains.${domain} has neither base nor iso: it starts from an empty disk.") (
        lib.filterAttrs (_: each: each.base == null && each.iso == null) domains
      );
  };
}
