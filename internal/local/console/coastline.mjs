// Makes the file that its argument names, the map of the page, from the land of Natural Earth
// (public domain) as npm's world-atlas packs it. Run by go generate.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { geoEquirectangular, geoPath } from "d3-geo";
import { feature } from "topojson-client";
import { filter, filterWeight, planarRingArea, planarTriangleArea, presimplify, simplify } from "topojson-simplify";

const require = createRequire(import.meta.url);
const { version } = require("world-atlas/package.json");
const land = JSON.parse(readFileSync(require.resolve("world-atlas/land-10m.json")));

// A corner is kept where the triangle that it makes with its neighbours is at least so
// large, in square degrees, and an island where it is. Around the British Isles far
// smaller ones count, and on the coasts in sight of them.
const smallest = 0.11;
const within = (lon, lat, west, south, east, north) => lon > west && lon < east && lat > south && lat < north;
const detail = ([lon, lat]) => within(lon, lat, -11, 49.8, 2, 61) ? 700 : within(lon, lat, -14, 43, 15, 64) ? 50 : 1;

const weighed = presimplify(land, (triangle) => planarTriangleArea(triangle) * detail(triangle[1]));
const simple = simplify(weighed, smallest);
const large = filter(simple, filterWeight(simple, smallest, (ring) => planarRingArea(ring) * detail(ring[0])));

// The path is in hundredths of a degree, longitude to the right and latitude up, each
// corner given by its distance from the last. Rings are cut where the map ends.
let path = "", x, y;
const corner = (command) => (lon, lat) => {
  const [nextX, nextY] = [Math.round(lon), Math.round(lat)];
  if (command) path += `M${nextX} ${nextY}l`;
  else if (nextX !== x || nextY !== y) path += ` ${nextX - x} ${nextY - y}`;
  [x, y] = [nextX, nextY];
};
const pen = { moveTo: corner(true), lineTo: corner(false), closePath: () => { path += "z"; } };
const projection = geoEquirectangular().scale(18000 / Math.PI).translate([0, 0]).precision(0);
geoPath(projection, pen)(feature(large, large.objects.land));
path = path.replaceAll("l ", "l").replaceAll(" -", "-").replaceAll(/M[-\d ]+lz/g, "");

writeFileSync(process.argv[2], JSON.stringify({ source: `Natural Earth (public domain), from world-atlas ${version}`, path }) + "\n");
