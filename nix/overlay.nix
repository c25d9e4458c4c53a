final: _: {
  nixen = final.callPackage ./package.nix { };
}
