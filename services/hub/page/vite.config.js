export default {
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    cssTarget: "esnext", // keeps light-dark()
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // nothing as a data: address
    emptyOutDir: true,
  },
};
