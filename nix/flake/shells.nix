{ pkgs }:
{
  default = pkgs.mkShell {
    packages = [
      pkgs.nixen.nodejs
      pkgs.git
      pkgs.nixfmt-rfc-style
      pkgs.openssl
      pkgs.qemu-utils
      pkgs.restic
      pkgs.shellcheck
    ];
  };
}
