"""Amounts as the payment companies write them: decimals in major units, integers inside."""

from decimal import Decimal

# Our own table on purpose: one shared with the code under test would agree with its mistakes.
_TWO_DECIMALS = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT
MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
USD UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS = (
    dict.fromkeys(_TWO_DECIMALS.split(), 2)
    | dict.fromkeys(_NO_DECIMALS.split(), 0)
    | dict.fromkeys(_THREE_DECIMALS.split(), 3)
)
# What a signed 64-bit column holds; far above any payment.
_HIGHEST = 2**63 - 1


class AmountRefused(ValueError):
    """The amount is nothing that could be charged in its currency."""


def minor_units(amount: Decimal, currency: str) -> int:
    """125.50 AED is 12550; finer than the currency allows, nothing, or less, is refused."""
    if not amount.is_finite() or not 0 < amount <= _HIGHEST:
        raise AmountRefused(f"{amount} is not an amount above zero")
    scaled = amount.scaleb(EXPONENTS[currency])
    if scaled != scaled.to_integral_value() or scaled > _HIGHEST:
        raise AmountRefused(f"{amount} has too many digits for {currency}")
    return int(scaled)


def in_major_units(minor: int, currency: str) -> str:
    """12550 AED is "125.50", 1200 JPY is "1200", 3125 KWD is "3.125"."""
    exponent = EXPONENTS[currency]
    return f"{Decimal(minor).scaleb(-exponent):.{exponent}f}"
