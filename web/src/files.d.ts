// What the bundler lets a module import beside TypeScript.
declare module '*.css';
declare module '*.svg' {
  const url: string;
  export default url;
}
