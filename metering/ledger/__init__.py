"""The pure core of the ledger: from registers to amounts of quarter hours.

What comes out is a function of the set of samples alone, whatever their order of arrival.
"""
