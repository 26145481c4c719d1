"""Reports as files: plain data in, CSV, XLSX or PDF out."""
