# Stand-ins for packages: what text refers to, as paths that say what they are.
let
  package = name: {
    type = "derivation";
    inherit name;
    pname = name;
    version = "0";
    outPath = "/pkgs/${name}";
    drvPath = "/pkgs/${name}.drv";
    meta.mainProgram = name;
  };
  known = [
    "bash"
    "coreutils"
    "curl"
    "diffutils"
    "findutils"
    "gawk"
    "git"
    "gnugrep"
    "gnused"
    "iproute2"
    "jq"
    "libvirt"
    "nix"
    "nixen"
    "nixos-rebuild"
    "openssl"
    "OVMF"
    "qemu"
    "qemu-utils"
    "systemd"
    "util-linux"
    "xen"
    "xen-guest-agent"
  ];
in
builtins.listToAttrs (map (name: { inherit name; value = package name; }) known)
// {
  system = "x86_64-linux";
  stdenv.hostPlatform = {
    system = "x86_64-linux";
    isx86_64 = true;
    isLinux = true;
  };
  writeText = name: text: package name // { inherit text; };
  writeShellScript = name: text: package name // { inherit text; };
  writeShellApplication =
    { name, text, ... }:
    package name // { inherit text; };
  runCommand = name: _: text: package name // { inherit text; };
}
